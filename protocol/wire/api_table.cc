#include "protocol/wire/api_table.h"

#include <array>

#include "protocol/wire/messages/all.h"

namespace strandline::wire {
namespace {

constexpr std::array kApis = {
#define X(name) &k##name##Api,
    STRANDLINE_WIRE_APIS(X)
#undef X
};

constexpr std::int16_t kKeyMax = static_cast<std::int16_t>(kApis.back()->key);

constexpr bool keys_ascend() {
  for (std::size_t i = 1; i < kApis.size(); ++i) {
    if (kApis[i - 1]->key >= kApis[i]->key) return false;
  }
  return true;
}
static_assert(keys_ascend());

constexpr auto kByKey = [] {
  std::array<const ApiInfo*, kKeyMax + 1> by_key{};
  for (const ApiInfo* api : kApis) by_key[static_cast<std::size_t>(api->key)] = api;
  return by_key;
}();

std::string range_text(VersionRange range) {
  if (range.first == range.last) return std::to_string(range.first);
  return std::to_string(range.first) + "–" + std::to_string(range.last);
}

std::string access_text(const Access& access) {
  if (access.is_open()) return "nothing";
  std::string text;
  for (std::size_t i = 0; i < access.size(); ++i) {
    if (i > 0) text += ", ";
    text += operation_name(access[i].operation);
    text += ' ';
    text += resource_type_name(access[i].resource);
  }
  if (!access.when().empty()) {
    text += "; ";
    text += access.when();
  }
  return text;
}

}  // namespace

std::string_view resource_type_name(ResourceType type) {
  switch (type) {
    case ResourceType::topic: return "topic";
    case ResourceType::group: return "group";
    case ResourceType::cluster: return "cluster";
    case ResourceType::transactional_id: return "transactional id";
  }
  return "unknown";
}

std::string_view operation_name(Operation operation) {
  switch (operation) {
    case Operation::read: return "READ";
    case Operation::write: return "WRITE";
    case Operation::create: return "CREATE";
    case Operation::remove: return "DELETE";
    case Operation::alter: return "ALTER";
    case Operation::describe: return "DESCRIBE";
    case Operation::cluster_action: return "CLUSTER_ACTION";
    case Operation::describe_configs: return "DESCRIBE_CONFIGS";
    case Operation::alter_configs: return "ALTER_CONFIGS";
    case Operation::idempotent_write: return "IDEMPOTENT_WRITE";
  }
  return "unknown";
}

std::span<const ApiInfo* const> served_apis() { return kApis; }

const ApiInfo* find_api(std::int16_t api_key) {
  if (api_key < 0 || api_key > kKeyMax) return nullptr;
  return kByKey[static_cast<std::size_t>(api_key)];
}

ApiVersionsResponse make_api_versions_response() {
  ApiVersionsResponse response;
  for (const ApiInfo* api : kApis) {
    if (api->announce == Announce::no) continue;
    response.apis.push_back({.api_key = static_cast<std::int16_t>(api->key),
                             .version_min = api->announced.first,
                             .version_max = api->announced.last});
  }
  return response;
}

std::string api_table_markdown() {
  std::string text =
      "| key | API | announced | served | flexible from | takes |\n"
      "|---:|---|---|---|---|---|\n";
  for (const ApiInfo* api : kApis) {
    text += "| " + std::to_string(static_cast<int>(api->key)) + " | " + api->name + " | ";
    text += api->announce == Announce::yes ? range_text(api->announced) : "no";
    text += " | " + range_text(api->served) + " | " + std::to_string(api->flexible_since) + " | ";
    text += access_text(api->access) + " |\n";
  }
  return text;
}

}  // namespace strandline::wire
