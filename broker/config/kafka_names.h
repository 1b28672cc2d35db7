// Names of Kafka's server.properties for what is called otherwise here: configs of a broker are
// shown and changed under Kafka's names, where it has one, so that its tools find what they look
// for.
//
// Thread   pure functions
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace strandline {

// Our key for Kafka's, or "" when we have none by another name.
std::string name_of_kafka_setting(std::string_view kafka_key);

// The name that a broker config of this key is shown under: Kafka's broker-wide one for the default
// of a topic config that has one ("log.retention.ms" for "topic.defaults.retention.ms"), else
// `key`.
std::string shown_config_name(std::string_view key);

// The key behind a name that a request gives to a broker config, ours or the one it is shown under.
// A name that is neither comes back as it is.
std::string broker_config_key(std::string_view name);

// Settings that are shown a second time, under the name that Kafka's tools know.
struct KafkaAlias {
  std::string_view kafka;
  std::string_view ours;
  std::string_view value_prefix;  // what Kafka's value has before ours
};
std::span<const KafkaAlias> kafka_aliases();

}  // namespace strandline
