#include "broker/handlers/config_view.h"

#include "replication/metadata/topic_config.h"

namespace strandline {
namespace {

// Adds the value a layer has for `def` under `key`, unless it does not parse: such a value does not
// take effect either.
void add_layer(ShownConfig& shown, const ConfigMap& values, const std::string& key,
               ConfigSource source) {
  const auto it = values.find(key);
  if (it == values.end()) return;
  auto check = check_config_value(*shown.def, it->second);
  if (!check.error) shown.layers.push_back({key, std::move(check.canonical), source});
}

}  // namespace

ConfigView::ConfigView(const Settings& settings)
    : self_(settings.node_id),
      broker_defs_(broker_config_defs()),
      values_(settings_as_configs(settings)),
      topic_defaults_(settings.topic_defaults),
      given_(settings.given.begin(), settings.given.end()) {}

std::vector<ShownConfig> ConfigView::topic_configs(const MetadataImage& image,
                                                   const ConfigMap& overrides,
                                                   std::int32_t replication_factor) const {
  std::vector<ShownConfig> all;
  const auto below = topic_config_layers(image, nullptr, self_, topic_defaults_);
  for (const auto& def : topic_config_defs()) {
    ShownConfig shown{.def = &def, .layers = {}};
    add_layer(shown, overrides, def.name, ConfigSource::topic);
    for (const auto& layer : below) {
      add_layer(shown, *layer.values, std::string{layer.prefix} + def.name, layer.source);
    }
    auto built_in = topic_config_value(def, {}, replication_factor);
    shown.layers.push_back({def.name, std::move(built_in.value), ConfigSource::built_in});
    all.push_back(std::move(shown));
  }
  return all;
}

std::vector<ShownConfig> ConfigView::broker_configs(const MetadataImage& image) const {
  std::vector<ShownConfig> all;
  const auto& own = image.broker_overrides(std::to_string(self_.value()));
  const auto& everyones = image.broker_overrides("");
  for (const auto& def : broker_defs_) {
    ShownConfig shown{.def = &def, .layers = {}};
    if (def.dynamic) {
      add_layer(shown, own, def.name, ConfigSource::dynamic_broker);
      add_layer(shown, everyones, def.name, ConfigSource::dynamic_default_broker);
    }
    if (given_.contains(def.name)) {
      shown.layers.push_back({def.name, values_.at(def.name), ConfigSource::static_broker});
    }
    shown.layers.push_back({def.name, def.default_value, ConfigSource::built_in});
    all.push_back(std::move(shown));
  }
  return all;
}

std::vector<ShownConfig> ConfigView::cluster_defaults(const MetadataImage& image) const {
  std::vector<ShownConfig> all;
  for (const auto& [name, value] : image.broker_overrides("")) {
    const auto* def = find_config(broker_defs_, name);
    if (def == nullptr) continue;
    all.push_back({.def = def, .layers = {{name, value, ConfigSource::dynamic_default_broker}}});
  }
  return all;
}

}  // namespace strandline
