// The configs of a topic, under Kafka's names: which there are, what they may be, and what holds
// for a topic once overrides and defaults are laid over each other.
//
// A value is looked for in layers, first found wins: the topic's own override, a broker-wide
// default changed at run time, one from the settings file (topic.defaults.*), the built-in default.
//
// Thread   values and pure functions
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "protocol/record/batch.h"
#include "replication/metadata/config_def.h"
#include "replication/metadata/throttled_replicas.h"

namespace strandline {

// compression.type: what the leader does with a batch's codec.
enum class TopicCompression : std::uint8_t { producer, uncompressed, gzip, snappy, lz4, zstd };

// "For ever" and "without bound" in milliseconds and counts.
inline constexpr std::int64_t kConfigUnlimited = std::numeric_limits<std::int64_t>::max();

// The effective values, by default those of a single replica without any override. Member names are
// the config names; units go last.
struct TopicConfig {
  bool cleanup_delete = true;
  bool cleanup_compact = false;
  TopicCompression compression = TopicCompression::producer;
  std::int32_t compression_gzip_level = -1;
  std::int32_t compression_lz4_level = 9;
  std::int32_t compression_zstd_level = 3;
  std::int64_t delete_retention_ms = 86'400'000;
  std::int64_t file_delete_delay_ms = 60'000;
  std::int64_t flush_messages = kConfigUnlimited;
  std::int64_t flush_ms = kConfigUnlimited;
  bool flush_on_ack = true;
  std::int32_t index_interval_bytes = 4096;
  std::int64_t max_compaction_lag_ms = kConfigUnlimited;
  std::int32_t max_message_bytes = 1'048'588;
  std::int64_t message_timestamp_after_max_ms = 3'600'000;
  std::int64_t message_timestamp_before_max_ms = kConfigUnlimited;
  TimestampType message_timestamp_type = TimestampType::create_time;
  double min_cleanable_dirty_ratio = 0.5;
  std::int64_t min_compaction_lag_ms = 0;
  std::int32_t min_insync_replicas = 1;
  bool preallocate = false;
  std::int64_t retention_bytes = -1;        // -1: no bound
  std::int64_t retention_ms = 604'800'000;  // -1: for ever
  std::int32_t segment_bytes = 1'073'741'824;
  std::int32_t segment_index_bytes = 10'485'760;
  std::int64_t segment_jitter_ms = 0;
  std::int64_t segment_ms = 604'800'000;
  bool unclean_leader_election_enable = false;
  ThrottledReplicas leader_throttled_replicas;
  ThrottledReplicas follower_throttled_replicas;

  friend bool operator==(const TopicConfig&, const TopicConfig&) = default;
};

// All topic configs, sorted by name.
std::span<const ConfigDef> topic_config_defs();
const ConfigDef* find_topic_config(std::string_view name);

// Configs of older Kafka versions that tools still send: accepted, kept nowhere.
bool is_removed_topic_config(std::string_view name);

// The defaults of min.insync.replicas follow the promise: RF/2+1 from three replicas on, else 1.
std::int32_t default_min_insync_replicas(std::int32_t replication_factor);

// As check_config_value, and what else a topic config must be.
ConfigCheck check_topic_config_value(const ConfigDef& def, std::string_view value);

// One layer of values and the source that DescribeConfigs names for it. `prefix` is what its keys
// carry before the topic config's name: "" for a topic's overrides, "topic.defaults." for the
// broker's.
struct TopicConfigLayer {
  const ConfigMap* values;
  ConfigSource source;
  std::string_view prefix;
};
inline constexpr std::string_view kTopicDefaultsPrefix = "topic.defaults.";

struct ConfigValue {
  std::string value;
  ConfigSource source;
};

// The value of one config and where it comes from. Needs a def of topic_config_defs().
ConfigValue topic_config_value(const ConfigDef& def, std::span<const TopicConfigLayer> layers,
                               std::int32_t replication_factor);

// All of them, typed. Values that a newer or damaged log holds and that do not parse fall back to
// the next layer: a topic is served with its default rather than not at all.
TopicConfig effective_topic_config(std::span<const TopicConfigLayer> layers,
                                   std::int32_t replication_factor);

}  // namespace strandline
