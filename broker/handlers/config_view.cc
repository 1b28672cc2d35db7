#include "broker/handlers/config_view.h"

#include <algorithm>

#include "replication/metadata/topic_config.h"

namespace strandline {
namespace {

// Adds the value a layer has for `def` under `key`, unless it does not parse: such a value does not
// take effect either.
void add_layer(ShownConfig& shown, const ConfigMap& values, const std::string& key,
               const std::string& name, ConfigSource source) {
  const auto it = values.find(key);
  if (it == values.end()) return;
  auto check = check_config_value(*shown.def, it->second);
  if (!check.error) shown.layers.push_back({name, std::move(check.canonical), source});
}

}  // namespace

ConfigView::ConfigView(const Settings& settings)
    : self_(settings.node_id),
      broker_defs_(broker_config_defs()),
      values_(settings_as_configs(settings)),
      topic_defaults_(settings.topic_defaults),
      given_(settings.given.begin(), settings.given.end()) {
  for (auto& def : broker_defs_) {
    if (shown_config_name(def.name) == def.name) continue;
    def.documentation += " In the settings file: " + def.name + ".";
  }
  for (const auto& alias : kafka_aliases()) add_alias(settings, alias);
}

void ConfigView::add_alias(const Settings& settings, const KafkaAlias& alias) {
  const auto* def = find_config(broker_defs_, alias.ours);
  const auto shown = [&](const Settings& of) {
    // What is not advertised otherwise is advertised as it listens.
    const bool as_listens = alias.ours == "kafka.advertise" && of.kafka_advertise.is_none();
    const auto* source = find_setting(as_listens ? "kafka.listen" : alias.ours);
    return std::string{alias.value_prefix} + setting_text(of, *source);
  };
  ConfigDef known{.name = std::string{alias.kafka},
                  .type = def->type,
                  .default_value = shown(Settings{}),
                  .dynamic = false,
                  .documentation = "Kafka's name of " + def->name + ": " + def->documentation};
  values_[known.name] = shown(settings);
  if (given_.contains(def->name)) given_.insert(known.name);
  alias_defs_.push_back(std::move(known));
}

std::vector<ShownConfig> ConfigView::topic_configs(const MetadataImage& image,
                                                   const ConfigMap& overrides,
                                                   std::int32_t replication_factor) const {
  std::vector<ShownConfig> all;
  const auto below = topic_config_layers(image, nullptr, self_, topic_defaults_);
  for (const auto& def : topic_config_defs()) {
    ShownConfig shown{.def = &def, .name = def.name, .layers = {}};
    add_layer(shown, overrides, def.name, def.name, ConfigSource::topic);
    const std::string key = std::string{kTopicDefaultsPrefix} + def.name;
    const std::string broker_name = shown_config_name(key);
    for (const auto& layer : below) {
      add_layer(shown, *layer.values, key, broker_name, layer.source);
    }
    auto built_in = topic_config_value(def, {}, replication_factor);
    shown.layers.push_back({broker_name, std::move(built_in.value), ConfigSource::built_in});
    all.push_back(std::move(shown));
  }
  return all;
}

std::vector<ShownConfig> ConfigView::broker_configs(const MetadataImage& image) const {
  std::vector<ShownConfig> all;
  const auto& own = image.broker_overrides(std::to_string(self_.value()));
  const auto& everyones = image.broker_overrides("");
  const auto add = [&](const ConfigDef& def) {
    ShownConfig shown{.def = &def, .name = shown_config_name(def.name), .layers = {}};
    if (def.dynamic) {
      add_layer(shown, own, def.name, shown.name, ConfigSource::dynamic_broker);
      add_layer(shown, everyones, def.name, shown.name, ConfigSource::dynamic_default_broker);
    }
    if (given_.contains(def.name)) {
      shown.layers.push_back({shown.name, values_.at(def.name), ConfigSource::static_broker});
    }
    shown.layers.push_back({shown.name, def.default_value, ConfigSource::built_in});
    all.push_back(std::move(shown));
  };
  for (const auto& def : broker_defs_) add(def);
  for (const auto& def : alias_defs_) add(def);
  std::ranges::sort(all, {}, &ShownConfig::name);
  return all;
}

std::vector<ShownConfig> ConfigView::cluster_defaults(const MetadataImage& image) const {
  std::vector<ShownConfig> all;
  for (const auto& [key, value] : image.broker_overrides("")) {
    const auto* def = find_config(broker_defs_, key);
    if (def == nullptr) continue;
    const std::string name = shown_config_name(key);
    all.push_back({.def = def,
                   .name = name,
                   .layers = {{name, value, ConfigSource::dynamic_default_broker}}});
  }
  return all;
}

}  // namespace strandline
