#include <catch2/catch.hpp>

#include "replication/metadata/config_def.h"

using namespace strandline;

namespace {

std::string canonical(const ConfigDef& def, std::string_view value) {
  const auto check = check_config_value(def, value);
  return check.error ? "error: " + *check.error : check.canonical;
}

}  // namespace

TEST_CASE("ConfigDef: values become canonical", "[config]") {
  CHECK(canonical({.name = "b", .type = ConfigType::boolean}, " TRUE ") == "true");
  CHECK(canonical({.name = "n", .type = ConfigType::int64}, "007") == "7");
  CHECK(canonical({.name = "l", .type = ConfigType::list}, " a , b,,a ") == "a,b");
  CHECK(canonical({.name = "r", .type = ConfigType::real, .real_max = 1}, "0.50") == "0.5");
  CHECK(canonical({.name = "t", .type = ConfigType::text}, "").empty());
}

TEST_CASE("ConfigDef: a refusal names value, config and what is allowed", "[config]") {
  const ConfigDef number{.name = "n.ms", .type = ConfigType::int32, .min = 1, .max = 10};
  CHECK(canonical(number, "11") ==
        "error: Invalid value '11' for configuration n.ms: must be between 1 and 10");
  CHECK(canonical(number, "1x") ==
        "error: Invalid value '1x' for configuration n.ms: must be a 32-bit integer");
  CHECK(canonical(number, "4294967297") ==
        "error: Invalid value '4294967297' for configuration n.ms: must be a 32-bit integer");
  CHECK(canonical({.name = "n", .type = ConfigType::int64, .min = 0}, "-1") ==
        "error: Invalid value '-1' for configuration n: must be at least 0");
  CHECK(canonical({.name = "b", .type = ConfigType::boolean}, "yes") ==
        "error: Invalid value 'yes' for configuration b: must be true or false");
  CHECK(canonical({.name = "p", .type = ConfigType::list, .choices = {"x", "y"}}, "x,z") ==
        "error: Invalid value 'x,z' for configuration p: each item must be one of x, y");
  CHECK(canonical({.name = "p", .type = ConfigType::list, .choices = {"x"}}, "") ==
        "error: Invalid value '' for configuration p: must not be empty");
  for (const auto* odd : {"nan", "inf", "-inf", "1e999", "0x1"}) {
    CHECK(check_config_value({.name = "r", .type = ConfigType::real, .real_max = 1}, odd).error);
  }
}

TEST_CASE("ConfigDef: what is shown of a long value is bounded, and too long ones are refused",
          "[config]") {
  const auto check =
      check_config_value({.name = "t", .type = ConfigType::text}, std::string(40000, 'x'));
  REQUIRE(check.error);
  CHECK(check.error->size() < 400);
}

TEST_CASE("ConfigDef: a value that could not be stored and shown as text is refused", "[config]") {
  const ConfigDef list{.name = "l", .type = ConfigType::list};
  for (const auto* odd : {"a\nb", "\xff", "\xc3\xa4", "a\x01"})
    CHECK(check_config_value(list, odd).error);
  CHECK(!check_config_value(list, "0:1,*").error);
}

TEST_CASE("nearest_name: a slip of the hand is found, a stranger is not", "[config]") {
  const std::vector<std::string_view> known{"retention.ms", "retention.bytes", "segment.ms"};
  CHECK(nearest_name("retenton.ms", known) == "retention.ms");
  CHECK(nearest_name("segmnet.ms", known) == "segment.ms");
  CHECK(nearest_name("completely.different", known).empty());
  CHECK(nearest_name("", known).empty());
}
