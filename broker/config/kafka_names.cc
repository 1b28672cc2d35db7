#include "broker/config/kafka_names.h"

#include <algorithm>
#include <array>

#include "broker/config/settings.h"
#include "replication/metadata/topic_config.h"

namespace strandline {
namespace {

struct Names {
  std::string_view kafka;
  std::string_view ours;
};

constexpr Names kSettings[] = {
    {"advertised.listeners", "kafka.advertise"},
    {"auto.leader.rebalance.enable", "leader.balance.enable"},
    {"broker.id", "node.id"},
    {"broker.rack", "rack"},
    {"controller.quorum.bootstrap.servers", "cluster.join"},
    {"controller.quorum.voters", "cluster.voters"},
    {"listeners", "kafka.listen"},
    {"log.dir", "data"},
    {"log.dirs", "data"},
    {"num.io.threads", "disk.threads"},
    {"num.network.threads", "shards"},
    {"num.replica.fetchers", "shards"},
};

// Kafka's broker-wide names of topic configs, where they are not "log." plus the topic's name.
constexpr Names kTopicDefaults[] = {
    {"compression.type", "compression.type"},
    {"log.cleaner.delete.retention.ms", "delete.retention.ms"},
    {"log.cleaner.max.compaction.lag.ms", "max.compaction.lag.ms"},
    {"log.cleaner.min.cleanable.ratio", "min.cleanable.dirty.ratio"},
    {"log.cleaner.min.compaction.lag.ms", "min.compaction.lag.ms"},
    {"log.flush.interval.messages", "flush.messages"},
    {"log.flush.interval.ms", "flush.ms"},
    {"log.index.size.max.bytes", "segment.index.bytes"},
    {"log.roll.jitter.ms", "segment.jitter.ms"},
    {"log.roll.ms", "segment.ms"},
    {"log.segment.delete.delay.ms", "file.delete.delay.ms"},
    {"message.max.bytes", "max.message.bytes"},
    {"min.insync.replicas", "min.insync.replicas"},
    {"unclean.leader.election.enable", "unclean.leader.election.enable"},
    {"compression.gzip.level", "compression.gzip.level"},
    {"compression.lz4.level", "compression.lz4.level"},
    {"compression.zstd.level", "compression.zstd.level"},
};

// Topic configs that Kafka has no broker-wide default of.
constexpr std::array<std::string_view, 6> kWithoutKafkaDefault = {
    "flush.on.ack",
    "follower.replication.throttled.replicas",
    "leader.replication.throttled.replicas",
    "remote.log.copy.disable",
    "remote.log.delete.on.disable",
    "remote.storage.enable",
};

constexpr KafkaAlias kAliases[] = {
    {"advertised.listeners", "kafka.advertise", "PLAINTEXT://"},
    {"broker.id", "node.id", ""},
    {"broker.rack", "rack", ""},
    {"listeners", "kafka.listen", "PLAINTEXT://"},
    {"log.dirs", "data", ""},
};

}  // namespace

std::string name_of_kafka_setting(std::string_view kafka_key) {
  for (const auto& names : kSettings) {
    if (names.kafka == kafka_key) return std::string{names.ours};
  }
  for (const auto& names : kTopicDefaults) {
    if (names.kafka == kafka_key)
      return std::string{kTopicDefaultsPrefix} + std::string{names.ours};
  }
  constexpr std::string_view kLog = "log.";
  auto topic_name = kafka_key;
  if (topic_name.starts_with(kLog)) topic_name.remove_prefix(kLog.size());
  if (find_topic_config(topic_name) == nullptr) return "";
  return std::string{kTopicDefaultsPrefix} + std::string{topic_name};
}

std::string shown_config_name(std::string_view key) {
  if (!key.starts_with(kTopicDefaultsPrefix)) return std::string{key};
  const std::string_view topic_name = key.substr(kTopicDefaultsPrefix.size());
  for (const auto& names : kTopicDefaults) {
    if (names.ours == topic_name) return std::string{names.kafka};
  }
  const bool has_none =
      std::ranges::find(kWithoutKafkaDefault, topic_name) != kWithoutKafkaDefault.end();
  return has_none ? std::string{key} : "log." + std::string{topic_name};
}

std::string broker_config_key(std::string_view name) {
  if (find_setting(name) != nullptr) return std::string{name};
  auto key = name_of_kafka_setting(name);
  for (const auto& alias : kAliases) {
    if (alias.kafka == name) return key;
  }
  // "retention.ms" is a topic's name for it and no broker's.
  return !key.empty() && shown_config_name(key) == name ? key : std::string{name};
}

std::span<const KafkaAlias> kafka_aliases() { return kAliases; }

}  // namespace strandline
