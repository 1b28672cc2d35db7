// What one configuration is: its type, default, bounds and meaning. Topic configs and broker
// settings are both tables of these, so that they are checked, described and explained alike.
//
// Thread   values and pure functions
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace strandline {

// The numbers are DescribeConfigs' type codes.
enum class ConfigType : std::int8_t {
  boolean = 1,
  text = 2,
  int32 = 3,
  int64 = 5,
  real = 6,
  list = 7,
};

// Where an effective value comes from. The numbers are DescribeConfigs' source codes.
enum class ConfigSource : std::int8_t {
  topic = 1,
  dynamic_broker = 2,
  dynamic_default_broker = 3,
  static_broker = 4,
  built_in = 5,
};

// Overrides by name, in canonical text form (canonical_config_value).
using ConfigMap = std::map<std::string, std::string, std::less<>>;

struct ConfigDef {
  std::string name;
  ConfigType type = ConfigType::text;
  std::string default_value;
  double real_min = 0;  // bounds of `real`
  double real_max = 0;
  std::int64_t min = std::numeric_limits<std::int64_t>::min();  // bounds of int32 and int64
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
  std::vector<std::string> choices;  // allowed texts or list items; empty: any
  bool dynamic = true;               // false: cannot be changed while the broker runs
  std::string documentation;
};

// nullptr when the table has no such name. Needs a table sorted by name.
const ConfigDef* find_config(std::span<const ConfigDef> sorted, std::string_view name);

// Longer values are refused: every broker keeps all configs in memory.
inline constexpr std::size_t kConfigValueBytesMax = 32 * 1024;

// Checks `value` and gives its canonical form (no blanks around it, "true" for "TRUE", list items
// joined by single commas).
struct ConfigCheck {
  std::string canonical;             // when fine
  std::optional<std::string> error;  // a sentence that names value, config and what is allowed
};
ConfigCheck check_config_value(const ConfigDef& def, std::string_view value);

// "at least 0", "between 1 and 10", "one of delete, compact"; "" when anything of the type goes.
std::string allowed_range(const ConfigDef& def);

// The name in `known` with the fewest edits to `wanted`, or "" when none is near (more than a third
// of its length away).
std::string nearest_name(std::string_view wanted, std::span<const std::string_view> known);

// Values of checked configs. Needs a value that check_config_value() has accepted.
bool config_bool(std::string_view value);
std::int64_t config_int(std::string_view value);
double config_real(std::string_view value);
std::vector<std::string> config_list(std::string_view value);

}  // namespace strandline
