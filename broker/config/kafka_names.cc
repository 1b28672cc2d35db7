#include "broker/config/kafka_names.h"

#include "replication/metadata/topic_config.h"

namespace strandline {
namespace {

struct Names {
  std::string_view kafka;
  std::string_view ours;
};

constexpr Names kSettings[] = {
    {"advertised.listeners", "kafka.advertise"},
    {"broker.id", "node.id"},
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

}  // namespace strandline
