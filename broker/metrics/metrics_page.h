// The page Prometheus reads: everything the broker counts, in the text exposition format 0.0.4.
//
// A core: the caller gathers the numbers, this writes them down. Written by hand and not through
// prometheus-cpp; docs/decisions/0005-metrics-exposition.md says why.
//
// Thread   any; shard counters are read while their shards go on
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "broker/logging/log.h"
#include "broker/metrics/shard_metrics.h"

namespace strandline {

// One partition replica on this broker, as it was when asked.
struct PartitionSample {
  std::string topic;
  std::int32_t partition = 0;
  std::int32_t leader_id = -1;
  std::int32_t leader_epoch = -1;
  bool offline = false;  // damaged or on a failed disk: serves errors
  std::int64_t log_start_offset = 0;
  std::int64_t log_end_offset = 0;
  std::int64_t high_watermark = 0;
  std::int64_t flushed_end = 0;
  std::int64_t size_bytes = 0;
  std::int64_t segments = 0;
  std::int32_t replicas = 0;   // that it is to have
  std::int32_t in_sync = 0;    // of these; as this broker knows
  bool under_min_isr = false;  // acks=all is refused
};

// A directory of a partition that this broker has no replica of.
struct StraySample {
  std::string directory;
  std::uint64_t bytes = 0;
};

// The process as the kernel sees it.
struct ProcessSample {
  std::int64_t resident_bytes = 0;
  std::int64_t open_descriptors = 0;
  std::int64_t descriptors_max = 0;
  double cpu_user_seconds = 0;
  double cpu_system_seconds = 0;
  double start_time_seconds = 0;  // since 1970
};

// Reads /proc/self and getrusage; a number that cannot be had stays 0.
ProcessSample sample_process();

// Numbers that belong to the broker and not to one shard.
struct BrokerSample {
  std::string version;
  std::string commit;
  std::int32_t broker_id = 0;
  bool serving = false;
  double uptime_seconds = 0;
  std::int64_t connections_max = 0;
  std::int64_t memory_budget_bytes = 0;
  std::int64_t memory_used_bytes = 0;  // of the budget
  std::int64_t data_disk_free_bytes = 0;
  std::int64_t data_disk_total_bytes = 0;
  bool disk_full = false;                 // over the first water mark: produce is refused
  std::int64_t open_files = 0;            // segment files held open
  std::uint64_t open_files_exceeded = 0;  // times files.open.max had to be exceeded
  std::uint64_t damage_found = 0;         // what the DamageReporter was told since the start
  std::uint64_t tails_cut = 0;
  std::uint64_t files_rebuilt = 0;
};

struct MetricsInput {
  std::span<const ShardMetrics* const> shards;
  std::span<const PartitionSample> partitions;
  std::span<const StraySample> strays;
  BrokerSample broker;
  ProcessSample process;
  LogCounts log;
  // The name of an API key ("Produce"), empty when it has none.
  std::string_view (*api_name)(std::int16_t key) = nullptr;
};

std::string render_metrics(const MetricsInput& input);

}  // namespace strandline
