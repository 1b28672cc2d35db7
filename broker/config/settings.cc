#include "broker/config/settings.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "broker/config/kafka_names.h"
#include "broker/config/units.h"
#include "protocol/base/assertion.h"
#include "replication/metadata/config_changes.h"
#include "replication/metadata/topic_config.h"

namespace strandline {
namespace {

enum class When : std::uint8_t { start, live };

constexpr std::array kDefs = {
#define SETTING(type, name, key, kind, value, min, max, choices, when, text) \
  SettingDef{key,     SettingKind::kind,        min,  max,                   \
             choices, When::when == When::live, text, &Settings::name},
#include "broker/config/settings.def"
#undef SETTING
};

std::vector<std::string> split_choices(std::string_view choices) {
  std::vector<std::string> out;
  while (!choices.empty()) {
    const auto at = std::min(choices.find('|'), choices.size());
    out.emplace_back(choices.substr(0, at));
    choices.remove_prefix(std::min(at + 1, choices.size()));
  }
  return out;
}

ConfigType config_type(const SettingDef& def) {
  switch (def.kind) {
    case SettingKind::boolean: return ConfigType::boolean;
    case SettingKind::integer:
      return std::holds_alternative<std::int32_t Settings::*>(def.member) ? ConfigType::int32
                                                                          : ConfigType::int64;
    case SettingKind::bytes:
    case SettingKind::duration: return ConfigType::int64;
    case SettingKind::text:
    case SettingKind::optional_text:
    case SettingKind::address:
    case SettingKind::optional_address: break;
  }
  return ConfigType::text;
}

ConfigDef config_def(const SettingDef& def) {
  ConfigDef out{.name = std::string{def.key},
                .type = config_type(def),
                .default_value = setting_text(Settings{}, def),
                .choices = split_choices(def.choices),
                .dynamic = def.live,
                .documentation = std::string{def.explanation}};
  if (out.type == ConfigType::int32 || out.type == ConfigType::int64) {
    out.min = def.min;
    out.max = def.max;
  }
  return out;
}

const std::vector<ConfigDef>& all_config_defs() {
  static const auto defs = [] {
    std::vector<ConfigDef> all;
    for (const auto& def : kDefs) all.push_back(config_def(def));
    for (auto def : topic_config_defs()) {
      def.name = std::string{kTopicDefaultsPrefix} + def.name;
      def.documentation = "Default for topics without their own: " + def.documentation;
      all.push_back(std::move(def));
    }
    std::ranges::sort(all, {}, &ConfigDef::name);
    return all;
  }();
  return defs;
}

std::string unknown_setting(std::string_view key) {
  const auto shown = std::string{key.substr(0, 100)};
  if (const auto ours = name_of_kafka_setting(key); !ours.empty()) {
    return "unknown setting '" + shown + "'; what Kafka calls so is '" + ours + "' here";
  }
  std::vector<std::string_view> known;
  for (const auto& def : all_config_defs()) known.push_back(def.name);
  const auto nearest = nearest_name(key, known);
  if (nearest.empty()) {
    return "unknown setting '" + shown + "'; --explain lists all";
  }
  return "unknown setting '" + shown + "'; did you mean '" + nearest + "'?";
}

// How the allowed values of a number are told, with the units it may be written in.
std::string range_with_units(const SettingDef& def) {
  if (def.kind == SettingKind::bytes) {
    return "between " + bytes_text(def.min) + " and " + bytes_text(def.max) +
           ", as bytes or with a unit such as 64MiB";
  }
  if (def.kind == SettingKind::duration) {
    return "between " + duration_text(def.min) + " and " + duration_text(def.max) +
           ", as milliseconds or with a unit such as 10s";
  }
  return "between " + std::to_string(def.min) + " and " + std::to_string(def.max);
}

std::string bad_value(const SettingDef& def, std::string_view value, std::string_view allowed) {
  return std::string{def.key} + " = '" + std::string{value.substr(0, 100)} +
         "' is not valid: it must be " + std::string{allowed};
}

std::optional<std::int64_t> parse_by_kind(SettingKind kind, std::string_view value) {
  if (kind == SettingKind::bytes) return parse_bytes(value);
  if (kind == SettingKind::duration) return parse_duration_ms(value);
  return parse_integer(value);
}

std::optional<std::string> set_number(Settings& settings, const SettingDef& def,
                                      std::string_view value) {
  const auto number = parse_by_kind(def.kind, value);
  if (!number || *number < def.min || *number > def.max) {
    return bad_value(def, value, range_with_units(def));
  }
  if (const auto* narrow = std::get_if<std::int32_t Settings::*>(&def.member)) {
    settings.** narrow = static_cast<std::int32_t>(*number);
  } else {
    settings.*std::get<std::int64_t Settings::*>(def.member) = *number;
  }
  return std::nullopt;
}

std::optional<std::string> set_address(Settings& settings, const SettingDef& def,
                                       std::string_view value) {
  auto& target = settings.*std::get<HostPort Settings::*>(def.member);
  const bool optional = def.kind == SettingKind::optional_address;
  if (optional && (value == "none" || value.empty())) {
    target = {};
    return std::nullopt;
  }
  auto address = parse_host_port(value);
  if (!address) {
    return bad_value(
        def, value,
        optional ? "host:port (IPv6 in brackets) or none" : "host:port (IPv6 in brackets)");
  }
  target = std::move(address).value();
  return std::nullopt;
}

std::optional<std::string> set_text(Settings& settings, const SettingDef& def,
                                    std::string_view value) {
  const auto choices = split_choices(def.choices);
  if (!choices.empty() && std::ranges::find(choices, value) == choices.end()) {
    return bad_value(def, value, allowed_range(config_def(def)));
  }
  const bool has_control = std::ranges::any_of(value, [](char c) { return c >= 0 && c < ' '; });
  if (value.empty() || has_control) {
    return bad_value(def, value, "a text that is not empty and has no control characters");
  }
  settings.*std::get<std::string Settings::*>(def.member) = value;
  return std::nullopt;
}

std::optional<std::string> set_plain(Settings& settings, const SettingDef& def,
                                     std::string_view value) {
  switch (def.kind) {
    case SettingKind::boolean:
      if (value != "true" && value != "false") return bad_value(def, value, "true or false");
      settings.*std::get<bool Settings::*>(def.member) = value == "true";
      return std::nullopt;
    case SettingKind::integer:
    case SettingKind::bytes:
    case SettingKind::duration: return set_number(settings, def, value);
    case SettingKind::text: return set_text(settings, def, value);
    case SettingKind::optional_text:
      if (value != "none" && !value.empty()) return set_text(settings, def, value);
      settings.*std::get<std::string Settings::*>(def.member) = "";
      return std::nullopt;
    case SettingKind::address:
    case SettingKind::optional_address: break;
  }
  return set_address(settings, def, value);
}

// A default of a topic config. Times and sizes may carry units here, unlike in Kafka requests.
std::optional<std::string> set_topic_default(Settings& settings, std::string_view key,
                                             std::string_view value) {
  const auto* def = find_config(all_config_defs(), key);
  if (def == nullptr) return unknown_setting(key);
  std::string text{value};
  std::optional<std::int64_t> number;
  if (key.ends_with(".ms")) number = parse_duration_ms(value);
  if (key.ends_with(".bytes")) number = parse_bytes(value);
  if (number) text = std::to_string(*number);
  const auto* topic_def = find_topic_config(key.substr(kTopicDefaultsPrefix.size()));
  auto check = check_config_value(*def, text);
  if (!check.error) check = check_topic_config_value(*topic_def, check.canonical);
  if (check.error) return check.error;
  settings.topic_defaults[def->name] = std::move(check.canonical);
  return std::nullopt;
}

}  // namespace

std::span<const SettingDef> setting_defs() { return kDefs; }

const SettingDef* find_setting(std::string_view key) {
  const auto* it = std::ranges::find(kDefs, key, &SettingDef::key);
  return it == kDefs.end() ? nullptr : it;
}

std::optional<std::string> set_setting(Settings& settings, std::string_view key,
                                       std::string_view value) {
  const auto* def = find_setting(key);
  if (def == nullptr && !key.starts_with(kTopicDefaultsPrefix)) return unknown_setting(key);
  auto problem =
      def != nullptr ? set_plain(settings, *def, value) : set_topic_default(settings, key, value);
  if (problem) return problem;
  if (std::ranges::find(settings.given, key) == settings.given.end()) {
    settings.given.emplace_back(key);
  }
  return std::nullopt;
}

std::string setting_text(const Settings& settings, const SettingDef& def) {
  struct Text {
    const Settings& of;
    std::string operator()(bool Settings::* member) const { return of.*member ? "true" : "false"; }
    std::string operator()(std::int32_t Settings::* member) const {
      return std::to_string(of.*member);
    }
    std::string operator()(std::int64_t Settings::* member) const {
      return std::to_string(of.*member);
    }
    std::string operator()(std::string Settings::* member) const { return of.*member; }
    std::string operator()(HostPort Settings::* member) const { return to_text(of.*member); }
  };
  return std::visit(Text{settings}, def.member);
}

std::optional<std::vector<NamedVoter>> parse_voters(std::string_view text, std::string& problem) {
  std::vector<NamedVoter> voters;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    const std::string_view entry = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    const auto at = entry.find('@');
    const auto node =
        at == std::string_view::npos ? std::nullopt : parse_integer(entry.substr(0, at));
    const auto address = parse_host_port(node ? entry.substr(at + 1) : std::string_view{});
    const bool is_good = node && *node >= 0 && *node <= 2147483647 && address &&
                         !address.value().host.empty() && address.value().port != 0;
    if (!is_good) {
      problem = "'" + std::string{entry.substr(0, 100)} +
                "' is not node.id@host:port, such as 1@10.0.0.1:9094";
      return std::nullopt;
    }
    const BrokerId id{static_cast<std::int32_t>(*node)};
    if (std::ranges::find(voters, id, &NamedVoter::node) != voters.end()) {
      problem = "it names node " + std::to_string(*node) + " twice";
      return std::nullopt;
    }
    voters.push_back({id, address.value()});
  }
  return voters;
}

namespace {

void check_cluster(const Settings& settings, std::vector<std::string>& problems) {
  std::string problem;
  const auto voters = parse_voters(settings.cluster_voters, problem);
  if (!voters) return problems.push_back("cluster.voters: " + problem);
  const bool names_self =
      std::ranges::find(*voters, BrokerId{settings.node_id}, &NamedVoter::node) != voters->end();
  if (!voters->empty() && !names_self) {
    problems.push_back("cluster.voters does not name this broker, node.id " +
                       std::to_string(settings.node_id) +
                       ": add it, or join their cluster with --join HOST:PORT");
  }
  if (!settings.cluster_join.is_none() && settings.rpc_listen.is_none() && !names_self) {
    problems.push_back("cluster.join needs rpc.listen: the others have to reach this broker too");
  }
  const HostPort& told =
      settings.rpc_advertise.is_none() ? settings.rpc_listen : settings.rpc_advertise;
  const bool is_wildcard = told.host.empty() || told.host == "0.0.0.0" || told.host == "::";
  if (!told.is_none() && is_wildcard && !names_self) {
    problems.push_back(
        "rpc.advertise must be a host and port that other brokers can connect to, as "
        "rpc.listen is none");
  }
}

}  // namespace

std::vector<std::string> check_together(const Settings& settings) {
  std::vector<std::string> problems;
  const auto require = [&](bool fine, std::string problem) {
    if (!fine) problems.push_back(std::move(problem));
  };
  require(settings.socket_request_max_bytes <= settings.memory_budget_bytes,
          "socket.request.max.bytes must not exceed memory.budget, or the largest request could "
          "never be read");
  require(settings.connection_memory_max_bytes <= settings.memory_budget_bytes,
          "connection.memory.max.bytes must not exceed memory.budget");
  require(settings.disk_watermark_refuse_bytes == 0 ||
              settings.disk_watermark_stop_bytes <= settings.disk_watermark_refuse_bytes,
          "disk.watermark.stop.bytes must not exceed disk.watermark.refuse.bytes: produce requests "
          "are refused first");
  require(settings.http_listen.is_none() || settings.http_listen.port == 0 ||
              settings.http_listen != settings.kafka_listen,
          "http.listen and kafka.listen are the same address: choose another port for one");
  const auto& advertised = settings.kafka_advertise;
  require(advertised.is_none() || (advertised.port != 0 && !advertised.host.empty() &&
                                   advertised.host != "0.0.0.0" && advertised.host != "::"),
          "kafka.advertise must be a host and port that clients can connect to");
  check_cluster(settings, problems);
  const auto topic_defaults = check_topic_overrides({}, settings.topic_defaults);
  require(topic_defaults.ok(), "topic.defaults: " + topic_defaults.message);
  return problems;
}

std::vector<ConfigDef> broker_config_defs() { return all_config_defs(); }

ConfigMap settings_as_configs(const Settings& settings) {
  ConfigMap configs = settings.topic_defaults;
  for (const auto& def : kDefs) configs[std::string{def.key}] = setting_text(settings, def);
  return configs;
}

}  // namespace strandline
