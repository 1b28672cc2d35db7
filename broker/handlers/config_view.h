// Effective configs with their sources, as DescribeConfigs and CreateTopics show them.
//
// Thread   any; constant after construction
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config/kafka_names.h"
#include "broker/config/settings.h"
#include "replication/metadata/image.h"

namespace strandline {

// One config of a resource: the values that apply, strongest first, the built-in default last.
struct ShownConfig {
  struct Layer {
    std::string name;
    std::string value;
    ConfigSource source;
  };
  const ConfigDef* def;
  std::string name;           // as it is shown; a broker's, where Kafka has one, under Kafka's
  std::vector<Layer> layers;  // never empty

  const std::string& value() const { return layers.front().value; }
  ConfigSource source() const { return layers.front().source; }
};

// The settings this process was started with, in the form config answers need.
class ConfigView {
 public:
  explicit ConfigView(const Settings& settings);

  // All configs of a topic, sorted by name.
  std::vector<ShownConfig> topic_configs(const MetadataImage& image, const ConfigMap& overrides,
                                         std::int32_t replication_factor) const;

  // All configs of this broker, sorted by the names they are shown under.
  std::vector<ShownConfig> broker_configs(const MetadataImage& image) const;

  // What was set at run time for all brokers, and nothing else.
  std::vector<ShownConfig> cluster_defaults(const MetadataImage& image) const;

  BrokerId self() const { return self_; }

 private:
  void add_alias(const Settings& settings, const KafkaAlias& alias);

  BrokerId self_;
  std::vector<ConfigDef> broker_defs_;
  std::vector<ConfigDef> alias_defs_;
  ConfigMap values_;          // of all settings and aliases
  ConfigMap topic_defaults_;  // those given, with prefix
  std::set<std::string, std::less<>> given_;
};

}  // namespace strandline
