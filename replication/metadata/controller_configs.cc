// The controller's decisions on configs of topics and brokers.
#include <algorithm>
#include <charconv>
#include <set>

#include "replication/metadata/config_changes.h"
#include "replication/metadata/controller.h"

namespace strandline {
namespace {

Outcome refused(Errc code, std::string message) { return {code, std::move(message)}; }

// A broker's id as it is written in resource names, or none.
std::optional<BrokerId> broker_of(std::string_view text) {
  std::int32_t id = -1;
  const auto* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, id);
  if (error != std::errc{} || stopped != end || id < 0) return std::nullopt;
  if (std::to_string(id) != text) return std::nullopt;  // "01" would be a second name of broker 1
  return BrokerId{id};
}

// Of moves between log directories, of which a broker has one here. It cannot be set; but Kafka's
// tools, when they end a throttle, remove it along with the others.
constexpr std::string_view kLogDirThrottle = "replica.alter.log.dirs.io.max.bytes.per.second";

// The configs of one resource while one request changes them.
class ResourceChange {
 public:
  ResourceChange(const MetadataImage& image, const ControllerConfig& config,
                 const ConfigAlteration& wanted)
      : image_(image), config_(config), wanted_(wanted) {}

  Outcome decide(bool replace) {
    if (auto outcome = find_resource(); !outcome.ok()) return outcome;
    if (auto outcome = check_names(); !outcome.ok()) return outcome;
    if (replace) after_.clear();
    for (const auto& change : wanted_.changes) {
      if (auto outcome = apply(change); !outcome.ok()) return outcome;
    }
    if (is_topic()) return check_topic_overrides(after_, config_.topic_defaults);
    return {};
  }

  void records(std::vector<MetadataRecord>& out) const {
    const auto resource = is_topic() ? ConfigResource::topic : ConfigResource::broker;
    for (const auto& [name, value] : before_) {
      if (after_.contains(name)) continue;
      out.emplace_back(ConfigRecord{resource, wanted_.resource_name, name, std::nullopt});
    }
    for (const auto& [name, value] : after_) {
      const auto it = before_.find(name);
      if (it != before_.end() && it->second == value) continue;
      out.emplace_back(ConfigRecord{resource, wanted_.resource_name, name, value});
    }
  }

 private:
  bool is_topic() const {
    return wanted_.resource_type == static_cast<std::int8_t>(ConfigResource::topic);
  }

  Outcome find_resource() {
    if (is_topic()) {
      topic_ = image_.topic(wanted_.resource_name);
      if (!topic_) {
        return refused(Errc::unknown_topic_or_partition, "This server does not host this topic");
      }
      before_ = topic_->configs;
    } else if (wanted_.resource_type == static_cast<std::int8_t>(ConfigResource::broker)) {
      const auto id = broker_of(wanted_.resource_name);
      if (!wanted_.resource_name.empty() && (!id || image_.broker(*id) == nullptr)) {
        return refused(Errc::invalid_request,
                       "The broker to configure must be the id of a registered "
                       "broker, or empty for all");
      }
      before_ = image_.broker_overrides(wanted_.resource_name);
    } else {
      return refused(Errc::invalid_request, "Configs of resource type " +
                                                std::to_string(wanted_.resource_type) +
                                                " cannot be changed here");
    }
    after_ = before_;
    return {};
  }

  Outcome check_names() const {
    std::set<std::string_view> seen;
    for (const auto& change : wanted_.changes) {
      if (!seen.insert(change.name).second) {
        return refused(Errc::invalid_request, "Duplicate config key: " + change.name);
      }
    }
    return {};
  }

  Outcome apply(const ConfigChange& change) {
    const auto op = static_cast<ConfigOp>(change.op);
    const bool is_known_op = change.op >= static_cast<std::int8_t>(ConfigOp::set) &&
                             change.op <= static_cast<std::int8_t>(ConfigOp::subtract);
    if (!is_known_op) {
      return refused(Errc::invalid_request,
                     "Unknown config operation " + std::to_string(change.op));
    }
    if (op == ConfigOp::remove) return remove(change.name);
    if (!change.value) {
      return refused(Errc::invalid_request, "Null value not supported for: " + change.name);
    }
    if (op == ConfigOp::set) return set(change.name, *change.value);
    return edit_list(change, op);
  }

  const ConfigDef* def_of(std::string_view name) const {
    return is_topic() ? find_topic_config(name) : find_config(config_.broker_configs, name);
  }

  Outcome remove(const std::string& name) {
    // Names that are not known any more can still be removed.
    const bool is_known = def_of(name) != nullptr || after_.contains(name) ||
                          (is_topic() ? is_removed_topic_config(name) : name == kLogDirThrottle);
    if (!is_known) return refused(Errc::invalid_config, "Unknown config name: " + name);
    after_.erase(name);
    return {};
  }

  Outcome set(const std::string& name, std::string_view value) {
    if (is_topic()) return set_topic_override(after_, name, value);
    const auto* def = def_of(name);
    if (def == nullptr) return refused(Errc::invalid_config, "Unknown broker config name: " + name);
    if (!def->dynamic) {
      return refused(
          Errc::invalid_config,
          name + " cannot be changed while the broker runs: set it in the settings file");
    }
    auto check = check_config_value(*def, value);
    if (check.error) return refused(Errc::invalid_config, *check.error);
    after_[name] = std::move(check.canonical);
    return {};
  }

  Outcome edit_list(const ConfigChange& change, ConfigOp op) {
    const auto* def = def_of(change.name);
    if (def == nullptr) return refused(Errc::invalid_config, "Unknown config name: " + change.name);
    if (def->type != ConfigType::list) {
      return refused(Errc::invalid_config, "Items can be added to and taken from lists only, and " +
                                               change.name + " is not one");
    }
    auto items = config_list(present_value(*def));
    for (auto& item : config_list(*change.value)) {
      const auto it = std::ranges::find(items, item);
      if (op == ConfigOp::append && it == items.end()) items.push_back(std::move(item));
      if (op == ConfigOp::subtract && it != items.end()) items.erase(it);
    }
    std::string joined;
    for (const auto& item : items) joined += (joined.empty() ? "" : ",") + item;
    return set(change.name, joined);
  }

  // What a list is before items are added or taken: its override, or the default it stands for.
  std::string present_value(const ConfigDef& def) const {
    if (const auto it = after_.find(def.name); it != after_.end()) return it->second;
    if (!topic_) return broker_value(def);
    const auto layers = topic_config_layers(image_, nullptr, config_.self, config_.topic_defaults);
    return topic_config_value(def, layers, topic_->replication_factor()).value;
  }

  // Below a broker's own override: that of all brokers, the settings file's, the default.
  std::string broker_value(const ConfigDef& def) const {
    for (const ConfigMap* layer : {&image_.broker_overrides(""), &config_.topic_defaults}) {
      if (const auto it = layer->find(def.name); it != layer->end()) return it->second;
    }
    return def.default_value;
  }

  const MetadataImage& image_;
  const ControllerConfig& config_;
  const ConfigAlteration& wanted_;
  TopicPtr topic_;
  ConfigMap before_;
  ConfigMap after_;
};

}  // namespace

Outcome set_topic_override(ConfigMap& overrides, std::string_view name, std::string_view value) {
  if (is_removed_topic_config(name)) return {};
  const auto* def = find_topic_config(name);
  if (def == nullptr) {
    return refused(Errc::invalid_config, "Unknown topic config name: " + std::string{name});
  }
  auto check = check_topic_config_value(*def, value);
  if (check.error) return refused(Errc::invalid_config, *check.error);
  overrides[def->name] = std::move(check.canonical);
  return {};
}

Outcome check_topic_overrides(const ConfigMap& overrides, const ConfigMap& static_defaults) {
  const TopicConfigLayer layers[] = {
      {&overrides, ConfigSource::topic, ""},
      {&static_defaults, ConfigSource::static_broker, kTopicDefaultsPrefix}};
  const auto config = effective_topic_config(layers, 1);
  if (config.min_compaction_lag_ms > config.max_compaction_lag_ms) {
    return refused(Errc::invalid_config, "min.compaction.lag.ms (" +
                                             std::to_string(config.min_compaction_lag_ms) +
                                             ") must not exceed max.compaction.lag.ms (" +
                                             std::to_string(config.max_compaction_lag_ms) + ")");
  }
  return {};
}

Decision<Outcome> Controller::alter(std::span<const ConfigAlteration> resources, bool replace,
                                    bool validate_only) const {
  std::set<std::pair<std::int8_t, std::string_view>> seen;
  std::set<std::pair<std::int8_t, std::string_view>> twice;
  for (const auto& wanted : resources) {
    const auto key = std::pair{wanted.resource_type, std::string_view{wanted.resource_name}};
    if (!seen.insert(key).second) twice.insert(key);
  }
  Decision<Outcome> decision;
  for (const auto& wanted : resources) {
    if (twice.contains({wanted.resource_type, wanted.resource_name})) {
      decision.items.push_back(
          refused(Errc::invalid_request, "Each resource must appear at most once"));
      continue;
    }
    ResourceChange change{image(), config_, wanted};
    auto outcome = disk_full_ ? disk_full_outcome() : change.decide(replace);
    if (outcome.ok() && !validate_only) change.records(decision.records);
    decision.items.push_back(std::move(outcome));
  }
  return decision;
}

Decision<Outcome> Controller::alter_configs_incrementally(
    std::span<const ConfigAlteration> resources, bool validate_only) const {
  return alter(resources, false, validate_only);
}

Decision<Outcome> Controller::replace_configs(std::span<const ConfigAlteration> resources,
                                              bool validate_only) const {
  return alter(resources, true, validate_only);
}

}  // namespace strandline
