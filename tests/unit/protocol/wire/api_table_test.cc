#include "protocol/wire/api_table.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <type_traits>

#include "protocol/wire/codec.h"
#include "protocol/wire/messages/all.h"

namespace strandline::wire {
namespace {

// A message of no API, and with it of unknown access, is none: nothing decodes or encodes it.
struct Undescribed {
  template <class V>
  static constexpr void describe(V&) {}
};
static_assert(!Message<Undescribed>);
static_assert(Message<ProduceRequest>);
// And an API cannot leave out who may call it.
static_assert(!std::is_default_constructible_v<Access>);
static_assert(!std::is_default_constructible_v<ApiInfo>);

TEST_CASE("api table: every described API is found by its key, and nothing else", "[wire]") {
#define X(base)                                                                  \
  CHECK(find_api(static_cast<std::int16_t>(k##base##Api.key)) == &k##base##Api); \
  CHECK(std::string_view{k##base##Api.name} == #base);
  STRANDLINE_WIRE_APIS(X)
#undef X
  std::size_t found = 0;
  for (int key = INT16_MIN; key <= INT16_MAX; ++key) {
    if (find_api(static_cast<std::int16_t>(key)) != nullptr) ++found;
  }
  CHECK(found == served_apis().size());
}

TEST_CASE("api table: whatever is announced is served, but for Produce before 3", "[wire]") {
  for (const ApiInfo* api : served_apis()) {
    INFO(api->name);
    CHECK(api->served.last == api->announced.last);
    CHECK(api->served.first == (api == &kProduceApi ? 3 : api->announced.first));
  }
}

TEST_CASE("api table: ApiVersions names what is announced, in order of keys", "[wire]") {
  const ApiVersionsResponse answer = make_api_versions_response();
  CHECK(answer.error_code == Errc::ok);
  CHECK(answer.apis.size() == served_apis().size());
  CHECK(answer.apis.front() == ApiVersionsResponse::Api{0, 0, 13});
  for (std::size_t i = 1; i < answer.apis.size(); ++i) {
    CHECK(answer.apis[i - 1].api_key < answer.apis[i].api_key);
  }
}

TEST_CASE("api table: only ApiVersions is open to all", "[wire]") {
  for (const ApiInfo* api : served_apis()) {
    CHECK(api->access.is_open() == (api == &kApiVersionsApi));
  }
}

TEST_CASE("api versions: software names must look like names from version 3 on", "[wire]") {
  const auto valid = [](std::string_view name, std::string_view version, std::int16_t v = 3) {
    return ApiVersionsRequest{name, version}.names_valid_software(v);
  };
  CHECK(valid("apache-kafka-java", "4.3.0"));
  CHECK(valid("a", "1"));
  CHECK_FALSE(valid("", "1"));
  CHECK_FALSE(valid("a", ""));
  CHECK_FALSE(valid("-a", "1"));
  CHECK_FALSE(valid("a-", "1"));
  CHECK_FALSE(valid("a b", "1"));
  CHECK_FALSE(valid("a", "1\n"));
  CHECK(valid("", "", 2));
}

// The repository's root, from wherever inside it the test was started.
std::filesystem::path document_path() {
  for (auto at = std::filesystem::current_path(); at != at.root_path(); at = at.parent_path()) {
    if (std::filesystem::exists(at / "docs/protocol.md")) return at / "docs/protocol.md";
  }
  return {};
}

TEST_CASE("docs/protocol.md: its table of APIs is the one in the code", "[wire][docs]") {
  const auto path = document_path();
  REQUIRE_FALSE(path.empty());
  std::ostringstream content;
  content << std::ifstream{path}.rdbuf();
  const std::string text = content.str();
  constexpr std::string_view kBegin = "<!-- table: written by unit_protocol -->\n";
  constexpr std::string_view kEnd = "<!-- end of table -->\n";
  const std::size_t begin = text.find(kBegin);
  const std::size_t end = text.find(kEnd);
  REQUIRE(begin != std::string::npos);
  REQUIRE(end != std::string::npos);
  const std::size_t from = begin + kBegin.size();
  const std::string table = api_table_markdown();
  if (std::getenv("STRANDLINE_REWRITE") != nullptr) {
    std::ofstream{path} << text.substr(0, from) << table << text.substr(end);
    return;
  }
  // STRANDLINE_REWRITE=1 unit_protocol '[docs]' renews it.
  CHECK(text.substr(from, end - from) == table);
}

}  // namespace
}  // namespace strandline::wire
