#include "broker/http/host_check.h"

#include <catch2/catch.hpp>
#include <vector>

namespace strandline {
namespace {

const std::vector<std::string> kNames = {"broker1.example", ""};

TEST_CASE("host check: addresses, localhost and our own names are ours", "[http]") {
  for (const char* host :
       {"127.0.0.1", "127.0.0.1:9644", "10.1.2.3:80", "localhost", "LocalHost:9644", "[::1]",
        "[::1]:9644", "[fe80::1]:1", "broker1.example", "BROKER1.example:65535"}) {
    INFO(host);
    CHECK(host_is_ours(host, kNames));
  }
}

TEST_CASE("host check: names that anybody may point at us are not ours", "[http]") {
  for (const char* host : {"",
                           ":9644",
                           "evil.example",
                           "evil.example:9644",
                           "localhost.evil.example",
                           "127.0.0.1.nip.io",
                           "broker1.example.evil.example",
                           "127.0.0.1:9644:1",
                           "127.0.0.1:",
                           "127.0.0.1:x",
                           "::1",
                           "[::1",
                           "[::1]x",
                           "[::1]:",
                           "[localhost]",
                           "[127.0.0.1]",
                           "127.1",
                           "0x7f.1",
                           "2130706433",
                           "localhost ",
                           " localhost",
                           "user@localhost",
                           "127.0.0.1:123456"}) {
    INFO(host);
    CHECK_FALSE(host_is_ours(host, kNames));
  }
  CHECK_FALSE(host_is_ours(std::string{"localhost\0.evil", 15}, kNames));
}

TEST_CASE("host check: only a page of the same host and port may call", "[http]") {
  CHECK(origin_is_same("", "localhost:9644"));
  CHECK(origin_is_same("http://localhost:9644", "localhost:9644"));
  CHECK(origin_is_same("http://LOCALHOST:9644", "localhost:9644"));
  for (const char* origin : {"null", "http://localhost", "http://localhost:9645", "localhost:9644",
                             "https://localhost:9644", "http://localhost:9644/",
                             "http://localhost:9644.evil.example", "http://evil.example"}) {
    INFO(origin);
    CHECK_FALSE(origin_is_same(origin, "localhost:9644"));
  }
}

TEST_CASE("host check: only JSON may change something, and no web form can send that", "[http]") {
  CHECK(is_json("application/json"));
  CHECK(is_json("Application/JSON ; charset=utf-8"));
  for (const char* type :
       {"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data",
        "application/jsonp", "text/plain; application/json"}) {
    INFO(type);
    CHECK_FALSE(is_json(type));
  }
}

TEST_CASE("host check: a refusal says what to do", "[http]") {
  HttpRequest request{.method = "POST",
                      .target = "/v1/log-level",
                      .host = "127.0.0.1:9644",
                      .content_type = "application/json"};
  CHECK_FALSE(refuse_foreign(request, kNames).has_value());

  const auto status = [&] { return refuse_foreign(request, kNames).value().status; };
  request.content_type = "text/plain";
  CHECK(status() == 415);
  request.origin = "http://evil.example";
  CHECK(status() == 403);
  request.origin.clear();
  request.host = "evil.example";
  CHECK(status() == 403);
  CHECK(refuse_foreign(request, kNames)->body.find("use an IP address") != std::string::npos);
  request.host.clear();
  CHECK(status() == 400);

  request = {.method = "GET", .target = "/v1/topics", .host = "evil.example"};
  CHECK(status() == 403);  // reading is refused, too: a rebound name could read everything
}

}  // namespace
}  // namespace strandline
