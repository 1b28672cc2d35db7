#include "protocol/base/host_port.h"

#include <catch2/catch.hpp>

using namespace strandline;

TEST_CASE("HostPort: names, IPv4 and bracketed IPv6 are read and written alike", "[config]") {
  for (const auto* text : {"localhost:9092", "10.0.0.1:1", "[::1]:65535", "a-b.c_d:0", ":9092"}) {
    const auto parsed = parse_host_port(text);
    REQUIRE(parsed);
    CHECK(to_text(parsed.value()) == text);
  }
  CHECK(parse_host_port("[fe80::1%eth0]:9092").value().host == "fe80::1%eth0");
  CHECK(to_text(HostPort{}).empty());
}

TEST_CASE("HostPort: anything else is refused", "[config]") {
  for (const auto* text :
       {"", "host", "host:", "host:-1", "host:65536", "host:9092x", "::1:9092", "[]:1", "[::1:9092",
        "ho st:1", "h\nx:1", "host:+1", "PLAINTEXT://h:1"}) {
    CHECK(!parse_host_port(text));
  }
  CHECK(!parse_host_port(std::string(300, 'x') + ":1"));
}
