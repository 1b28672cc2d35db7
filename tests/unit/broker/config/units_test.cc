#include "broker/config/units.h"

#include <catch2/catch.hpp>

using namespace strandline;

TEST_CASE("units: sizes and times are read with and without a unit", "[config]") {
  CHECK(parse_bytes("1048576") == 1048576);
  CHECK(parse_bytes("1MiB") == 1048576);
  CHECK(parse_bytes("1 MiB") == 1048576);
  CHECK(parse_bytes("2kB") == 2000);
  CHECK(parse_bytes("-1") == -1);
  CHECK(parse_duration_ms("250") == 250);
  CHECK(parse_duration_ms("250ms") == 250);
  CHECK(parse_duration_ms("7d") == 604'800'000);
  CHECK(parse_duration_ms("12h") == 43'200'000);
  CHECK(parse_integer("5") == 5);
}

TEST_CASE("units: what is no whole number of a known unit is refused", "[config]") {
  for (const auto* text : {"", "MiB", "1.5MiB", "1mib", "1 Mi B", "x1", "9223372036854775807KiB"}) {
    CHECK(!parse_bytes(text));
  }
  for (const auto* text : {"1 week", "1D", "--1", "9223372036854775807d"}) {
    CHECK(!parse_duration_ms(text));
  }
  CHECK(!parse_integer("5s"));
}

TEST_CASE("units: what is written is the shortest that reads back the same", "[config]") {
  CHECK(bytes_text(0) == "0");
  CHECK(bytes_text(100 * 1024 * 1024) == "100MiB");
  CHECK(bytes_text(1000) == "1000");
  CHECK(duration_text(600'000) == "10m");
  CHECK(duration_text(86'400'000) == "1d");
  CHECK(duration_text(1) == "1ms");
  for (const std::int64_t value : {1, 1024, 1'500, 60'000, 1'073'741'824}) {
    CHECK(parse_bytes(bytes_text(value)) == value);
    CHECK(parse_duration_ms(duration_text(value)) == value);
  }
}
