// The broker's settings: a plain struct with defaults, and the table that parses, checks, explains
// and describes each of them. Both come from settings.def.
//
// Sources, later ones win: the TOML file, then --set key=value (and --data, --listen) in order. The
// environment is not a source. Dotted keys are the same as nested TOML tables.
//
// Defaults of topic configs are one family, topic.defaults.<topic config>:
//   [topic.defaults]
//   retention.ms = "3d"
//
// Thread   values and pure functions, but for load_settings(), which reads one file
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/base/host_port.h"
#include "protocol/base/ids.h"
#include "replication/metadata/config_def.h"

namespace strandline {

inline constexpr std::int64_t kMiB = 1024 * 1024;
inline constexpr std::int64_t kMaxBytes = std::int64_t{1} << 60;
inline constexpr std::int64_t kNoRateLimit = std::numeric_limits<std::int64_t>::max();
inline constexpr std::int64_t kMaxMs = std::int64_t{100} * 365 * 86'400'000;  // a century

struct Settings {
#define SETTING(type, member, key, kind, value, min, max, choices, when, text) type member = value;
#include "broker/config/settings.def"
#undef SETTING

  // topic.defaults.*: full keys, canonical values; only those that were given.
  ConfigMap topic_defaults;
  // Keys that were given by file or command line: the source "static broker" of DescribeConfigs.
  std::vector<std::string> given;

  friend bool operator==(const Settings&, const Settings&) = default;
};

enum class SettingKind : std::uint8_t {
  boolean,  // true or false
  integer,
  bytes,     // 1048576, "1MiB"; KiB, MiB, GiB, TiB are powers of 1024, kB, MB, GB of 1000
  duration,  // milliseconds, or "250ms", "10s", "5m", "12h", "7d"
  text,
  optional_text,     // or "none"
  address,           // host:port
  optional_address,  // host:port or "none"
};

struct SettingDef {
  std::string_view key;
  SettingKind kind;
  std::int64_t min;
  std::int64_t max;
  std::string_view choices;
  bool live;  // may be changed while running
  std::string_view explanation;
  std::variant<bool Settings::*, std::int32_t Settings::*, std::int64_t Settings::*,
               std::string Settings::*, HostPort Settings::*>
      member;
};

// In the order of settings.def.
std::span<const SettingDef> setting_defs();
const SettingDef* find_setting(std::string_view key);

// Sets one setting from text, units allowed.
//
// Returns  none when done; else what is wrong with key or value and what is allowed, as a sentence
std::optional<std::string> set_setting(Settings& settings, std::string_view key,
                                       std::string_view value);

// The value in the form DescribeConfigs gives: plain numbers, no units.
std::string setting_text(const Settings& settings, const SettingDef& def);

// One entry of cluster.voters.
struct NamedVoter {
  BrokerId node = kNoBroker;
  HostPort rpc;
  friend bool operator==(const NamedVoter&, const NamedVoter&) = default;
};

// "1@host:port,2@host:port". None: it is no such list; `problem` says why.
std::optional<std::vector<NamedVoter>> parse_voters(std::string_view text, std::string& problem);

// Problems of settings that are each fine but do not go together. Empty: none.
std::vector<std::string> check_together(const Settings& settings);

// What DescribeConfigs and run-time changes see: every setting and every topic.defaults.*, sorted.
std::vector<ConfigDef> broker_config_defs();

// All settings as DescribeConfigs shows them (name to value), topic defaults that were given too.
ConfigMap settings_as_configs(const Settings& settings);

// --explain: all settings, or one. A name that is not known gives the nearest, and false.
struct Explanation {
  std::string text;
  bool known = true;
};
Explanation explain_settings(std::optional<std::string_view> key);

}  // namespace strandline
