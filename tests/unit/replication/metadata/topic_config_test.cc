#include <catch2/catch.hpp>

#include "replication/metadata/topic_config.h"

using namespace strandline;

TEST_CASE("TopicConfig: without overrides all of Kafka's defaults hold, and ours", "[config]") {
  const auto config = effective_topic_config({}, 1);
  CHECK(config.cleanup_delete);
  CHECK(!config.cleanup_compact);
  CHECK(config.compression == TopicCompression::producer);
  CHECK(config.flush_on_ack);
  CHECK(config.max_message_bytes == 1048588);
  CHECK(config.message_timestamp_after_max_ms == 3'600'000);
  CHECK(config.message_timestamp_before_max_ms == INT64_MAX);
  CHECK(config.message_timestamp_type == TimestampType::create_time);
  CHECK(config.min_insync_replicas == 1);
  CHECK(config.retention_bytes == -1);
  CHECK(config.retention_ms == 604'800'000);
  CHECK(config.segment_bytes == 1'073'741'824);
  CHECK(config.segment_index_bytes == 10'485'760);
}

TEST_CASE("TopicConfig: min.insync.replicas follows the promise when unset", "[config]") {
  CHECK(default_min_insync_replicas(1) == 1);
  CHECK(default_min_insync_replicas(2) == 1);
  CHECK(default_min_insync_replicas(3) == 2);
  CHECK(default_min_insync_replicas(5) == 3);
  CHECK(effective_topic_config({}, 3).min_insync_replicas == 2);
}

TEST_CASE("TopicConfig: the first layer that has a value decides, and names its source",
          "[config]") {
  const ConfigMap topic{{"retention.ms", "1"}};
  const ConfigMap broker{{"topic.defaults.retention.ms", "2"}, {"topic.defaults.segment.ms", "3"}};
  const TopicConfigLayer layers[] = {{&topic, ConfigSource::topic, ""},
                                     {&broker, ConfigSource::static_broker, kTopicDefaultsPrefix}};
  const auto value = [&](std::string_view name) {
    return topic_config_value(*find_topic_config(name), layers, 1);
  };
  CHECK(value("retention.ms").value == "1");
  CHECK(value("retention.ms").source == ConfigSource::topic);
  CHECK(value("segment.ms").value == "3");
  CHECK(value("segment.ms").source == ConfigSource::static_broker);
  CHECK(value("segment.bytes").source == ConfigSource::built_in);
}

TEST_CASE("TopicConfig: a stored value that no longer parses gives way to the next layer",
          "[config]") {
  const ConfigMap topic{{"retention.ms", "forever"}, {"cleanup.policy", "shred"}};
  const TopicConfigLayer layers[] = {{&topic, ConfigSource::topic, ""}};
  const auto config = effective_topic_config(layers, 1);
  CHECK(config.retention_ms == 604'800'000);
  CHECK(config.cleanup_delete);
}

TEST_CASE("TopicConfig: every effective field follows its config", "[config]") {
  const ConfigMap topic{{"cleanup.policy", "compact"},
                        {"compression.type", "zstd"},
                        {"compression.zstd.level", "7"},
                        {"delete.retention.ms", "11"},
                        {"file.delete.delay.ms", "12"},
                        {"flush.messages", "13"},
                        {"flush.ms", "14"},
                        {"flush.on.ack", "false"},
                        {"index.interval.bytes", "15"},
                        {"max.compaction.lag.ms", "17"},
                        {"max.message.bytes", "18"},
                        {"message.timestamp.after.max.ms", "19"},
                        {"message.timestamp.before.max.ms", "20"},
                        {"message.timestamp.type", "LogAppendTime"},
                        {"min.cleanable.dirty.ratio", "0.25"},
                        {"min.compaction.lag.ms", "16"},
                        {"min.insync.replicas", "2"},
                        {"preallocate", "true"},
                        {"retention.bytes", "21"},
                        {"retention.ms", "22"},
                        {"segment.bytes", "2048"},
                        {"segment.index.bytes", "24"},
                        {"segment.jitter.ms", "25"},
                        {"segment.ms", "26"},
                        {"unclean.leader.election.enable", "true"},
                        {"compression.gzip.level", "5"},
                        {"compression.lz4.level", "6"}};
  const TopicConfigLayer layers[] = {{&topic, ConfigSource::topic, ""}};
  const TopicConfig expected{.cleanup_delete = false,
                             .cleanup_compact = true,
                             .compression = TopicCompression::zstd,
                             .compression_gzip_level = 5,
                             .compression_lz4_level = 6,
                             .compression_zstd_level = 7,
                             .delete_retention_ms = 11,
                             .file_delete_delay_ms = 12,
                             .flush_messages = 13,
                             .flush_ms = 14,
                             .flush_on_ack = false,
                             .index_interval_bytes = 15,
                             .max_compaction_lag_ms = 17,
                             .max_message_bytes = 18,
                             .message_timestamp_after_max_ms = 19,
                             .message_timestamp_before_max_ms = 20,
                             .message_timestamp_type = TimestampType::log_append_time,
                             .min_cleanable_dirty_ratio = 0.25,
                             .min_compaction_lag_ms = 16,
                             .min_insync_replicas = 2,
                             .preallocate = true,
                             .retention_bytes = 21,
                             .retention_ms = 22,
                             .segment_bytes = 2048,
                             .segment_index_bytes = 24,
                             .segment_jitter_ms = 25,
                             .segment_ms = 26,
                             .unclean_leader_election_enable = true};
  CHECK(effective_topic_config(layers, 1) == expected);
}

TEST_CASE("TopicConfig: tiered storage cannot be switched on", "[config]") {
  CHECK(check_config_value(*find_topic_config("remote.storage.enable"), "true").error);
  CHECK(!check_config_value(*find_topic_config("remote.storage.enable"), "false").error);
  CHECK(check_config_value(*find_topic_config("local.retention.ms"), "1").error);
}

TEST_CASE("TopicConfig: a plain one has the defaults of the table", "[config]") {
  CHECK(effective_topic_config({}, 1) == TopicConfig{});
}
