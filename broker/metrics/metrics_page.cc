#include "broker/metrics/metrics_page.h"

#include <string>
#include <vector>

#include "broker/metrics/text_exposition.h"
#include "protocol/base/errc.h"

namespace strandline {
namespace {

using Type = TextExposition::Type;
using Shards = std::span<const ShardMetrics* const>;

constexpr double kNanosecond = 1e-9;
// Bucket bounds of times: 2^15 ns (33 µs) to 2^34 ns (17 s).
constexpr int kTimeFirst = 15;
constexpr int kTimeLast = 34;
constexpr std::array<double, 4> kQuantiles = {0.5, 0.9, 0.99, 0.999};

template <class Field>
std::uint64_t sum_of(Shards shards, Field field) {
  std::uint64_t sum = 0;
  for (const ShardMetrics* shard : shards) sum += (shard->*field).value();
  return sum;
}

template <class Field>
void counter(TextExposition& out, Shards shards, std::string_view name, std::string_view help,
             Field field) {
  out.family(name, Type::counter, help);
  out.sample("", sum_of(shards, field));
}

// A gauge with one line a shard: an uneven load shows.
void shard_gauge(TextExposition& out, Shards shards, std::string_view name, std::string_view help,
                 Gauge ShardMetrics::* field) {
  out.family(name, Type::gauge, help);
  for (std::size_t i = 0; i < shards.size(); ++i) {
    out.sample(TextExposition::join({{"shard", std::to_string(i)}}), (shards[i]->*field).value());
  }
}

// A counter a reason, all reasons shown from the start so that rates have a first point.
template <std::size_t N>
void counters_by_reason(TextExposition& out, Shards shards, std::string_view name,
                        std::string_view help, std::array<Counter, N> ShardMetrics::* field,
                        const std::array<std::string_view, N>& names,
                        std::string_view label = "reason") {
  out.family(name, Type::counter, help);
  for (std::size_t i = 0; i < N; ++i) {
    std::uint64_t sum = 0;
    for (const ShardMetrics* shard : shards) sum += (shard->*field)[i].value();
    out.sample(TextExposition::join({{label, names[i]}}), sum);
  }
}

void time_histogram(TextExposition& out, Shards shards, std::string_view name,
                    std::string_view help, Histogram ShardMetrics::* field) {
  HistogramSnapshot all;
  for (const ShardMetrics* shard : shards) all.add(shard->*field);
  out.family(name, Type::histogram, help);
  out.histogram("", all, kTimeFirst, kTimeLast, kNanosecond);
}

void broker_part(TextExposition& out, const BrokerSample& broker) {
  out.family("strandline_build_info", Type::gauge, "Always 1; what runs is in the labels.");
  out.sample(TextExposition::join({{"version", broker.version},
                                   {"commit", broker.commit},
                                   {"node_id", std::to_string(broker.broker_id)}}),
             1);
  out.family("strandline_serving", Type::gauge, "1 once clients are served, as /ready says.");
  out.sample("", broker.serving ? 1 : 0);
  out.family("strandline_uptime_seconds", Type::gauge, "Time since the process started.");
  out.sample("", broker.uptime_seconds);
  out.family("strandline_connections_max", Type::gauge, "Connections accepted at most.");
  out.sample("", broker.connections_max);
  out.family("strandline_memory_budget_bytes", Type::gauge,
             "Memory for requests and responses in flight; at it, connections wait.");
  out.sample("", broker.memory_budget_bytes);
  out.family("strandline_memory_used_bytes", Type::gauge, "How much of the budget is in use.");
  out.sample("", broker.memory_used_bytes);
  out.family("strandline_disk_free_bytes", Type::gauge, "Free space where the data lies.");
  out.sample("", broker.data_disk_free_bytes);
  out.family("strandline_disk_size_bytes", Type::gauge, "Size of the file system of the data.");
  out.sample("", broker.data_disk_total_bytes);
  out.family("strandline_disk_full", Type::gauge, "1 while produce is refused for want of space.");
  out.sample("", broker.disk_full ? 1 : 0);
  out.family("strandline_open_segment_files", Type::gauge, "Segment and index files held open.");
  out.sample("", broker.open_files);
  out.family("strandline_open_segment_files_exceeded_total", Type::counter,
             "Times files.open.max was exceeded because every open file had unsynced writes.");
  out.sample("", broker.open_files_exceeded);
  out.family("strandline_damage_total", Type::counter,
             "Damage met since the start: records affected, torn tails cut, helper files rebuilt.");
  out.sample(R"(kind="records")", broker.damage_found);
  out.sample(R"(kind="tail_cut")", broker.tails_cut);
  out.sample(R"(kind="rebuilt")", broker.files_rebuilt);
}

void process_part(TextExposition& out, const ProcessSample& process) {
  out.family("process_resident_memory_bytes", Type::gauge, "Memory of the process in RAM.");
  out.sample("", process.resident_bytes);
  out.family("process_open_fds", Type::gauge, "File descriptors open.");
  out.sample("", process.open_descriptors);
  out.family("process_max_fds", Type::gauge, "File descriptors allowed.");
  out.sample("", process.descriptors_max);
  out.family("process_cpu_seconds_total", Type::counter, "Processor time, user and system.");
  out.sample("", process.cpu_user_seconds + process.cpu_system_seconds);
  out.family("process_start_time_seconds", Type::gauge, "Start of the process since 1970.");
  out.sample("", process.start_time_seconds);
  out.family("strandline_cpu_seconds_total", Type::counter, "Processor time by mode.");
  out.sample(R"(mode="user")", process.cpu_user_seconds);
  out.sample(R"(mode="system")", process.cpu_system_seconds);
}

// Requests of one API, over all shards.
struct ApiTotals {
  std::string labels;
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  HistogramSnapshot latency;
};

std::string api_label(const MetricsInput& input, std::size_t slot) {
  std::string name;
  if (input.api_name != nullptr) name = input.api_name(static_cast<std::int16_t>(slot));
  if (name.empty()) {
    name = slot == ShardMetrics::kApiKeys - 1 ? "other" : "key_" + std::to_string(slot);
  }
  return TextExposition::join({{"api", name}});
}

std::vector<ApiTotals> total_by_api(const MetricsInput& input) {
  std::vector<ApiTotals> totals;
  for (std::size_t slot = 0; slot < ShardMetrics::kApiKeys; ++slot) {
    bool seen = false;
    for (const ShardMetrics* shard : input.shards) {
      const ApiMetrics* api = shard->find_api(slot);
      if (api == nullptr) continue;
      if (!seen) totals.push_back({.labels = api_label(input, slot)});
      seen = true;
      ApiTotals& total = totals.back();
      total.requests += api->requests.value();
      total.errors += api->errors.value();
      total.bytes_in += api->bytes_in.value();
      total.bytes_out += api->bytes_out.value();
      total.latency.add(api->latency);
    }
  }
  return totals;
}

void api_part(TextExposition& out, const MetricsInput& input) {
  const std::vector<ApiTotals> totals = total_by_api(input);
  out.family("strandline_requests_total", Type::counter, "Requests answered, by Kafka API.");
  for (const ApiTotals& api : totals) out.sample(api.labels, api.requests);
  out.family("strandline_request_errors_total", Type::counter,
             "Requests answered with an error in any part.");
  for (const ApiTotals& api : totals) out.sample(api.labels, api.errors);
  out.family("strandline_received_bytes_total", Type::counter, "Request frames received.");
  for (const ApiTotals& api : totals) out.sample(api.labels, api.bytes_in);
  out.family("strandline_sent_bytes_total", Type::counter, "Response frames sent.");
  for (const ApiTotals& api : totals) out.sample(api.labels, api.bytes_out);
  out.family("strandline_request_duration_seconds", Type::histogram,
             "From the last byte of a request to its response being ready to send.");
  for (const ApiTotals& api : totals) {
    out.histogram(api.labels, api.latency, kTimeFirst, kTimeLast, kNanosecond);
  }
  out.family("strandline_request_quantile_seconds", Type::summary,
             "The same as quantiles since the start, at most 6.25 % too high.");
  for (const ApiTotals& api : totals) out.summary(api.labels, api.latency, kQuantiles, kNanosecond);

  out.family("strandline_error_codes_total", Type::counter,
             "Kafka error codes sent, one for each part of a response.");
  for (std::size_t slot = 0; slot < ShardMetrics::kErrorCodes; ++slot) {
    std::uint64_t sum = 0;
    for (const ShardMetrics* shard : input.shards) sum += shard->errors[slot].value();
    const int code = static_cast<int>(slot) - 1;
    if (sum == 0 || code == 0) continue;
    out.sample(TextExposition::join(
                   {{"code", std::to_string(code)}, {"error", errc_name(static_cast<Errc>(code))}}),
               sum);
  }
}

void connection_part(TextExposition& out, Shards shards) {
  using M = ShardMetrics;
  shard_gauge(out, shards, "strandline_connections_open", "Connections open, by shard.",
              &M::connections_open);
  counter(out, shards, "strandline_connections_accepted_total", "Connections accepted.",
          &M::connections_accepted);
  counter(out, shards, "strandline_connections_moved_total",
          "Connections moved to the shard that owns what they ask for.", &M::connections_moved);
  counters_by_reason(out, shards, "strandline_connections_refused_total",
                     "Connections turned away at accept.", &M::connections_refused,
                     kRefuseReasonNames);
  counters_by_reason(out, shards, "strandline_connections_closed_total", "Connections ended.",
                     &M::connections_closed, kCloseReasonNames);
  counters_by_reason(out, shards, "strandline_malformed_frames_total",
                     "Frames that were no valid request.", &M::malformed, kMalformedKindNames);
  counters_by_reason(out, shards, "strandline_http_responses_total",
                     "HTTP responses, by class of status.", &M::http_responses, kHttpClassNames,
                     "status");
  shard_gauge(out, shards, "strandline_memory_in_flight_bytes",
              "Requests being read or answered and answers not sent yet, by shard.",
              &M::memory_in_flight_bytes);
  counter(out, shards, "strandline_reads_paused_total",
          "Times a connection was left unread because a limit was reached.", &M::reads_paused);
  out.family("strandline_sent_path_bytes_total", Type::counter,
             "Bytes sent by path: from memory, or from file to socket.");
  out.sample(R"(path="memory")", sum_of(shards, &M::sent_memory_bytes));
  out.sample(R"(path="sendfile")", sum_of(shards, &M::sent_sendfile_bytes));
  shard_gauge(out, shards, "strandline_delayed_produces", "Produces waiting for their sync.",
              &M::delayed_produces);
  shard_gauge(out, shards, "strandline_delayed_fetches", "Fetches waiting for data.",
              &M::delayed_fetches);
}

void log_part(TextExposition& out, Shards shards) {
  using M = ShardMetrics;
  counter(out, shards, "strandline_produce_batches_total", "Record batches appended.",
          &M::produce_batches);
  counter(out, shards, "strandline_produce_records_total", "Records appended.",
          &M::produce_records);
  counter(out, shards, "strandline_produce_bytes_total", "Bytes of record batches appended.",
          &M::produce_bytes);
  counter(out, shards, "strandline_produce_duplicates_total",
          "Batches an idempotent producer sent again.", &M::produce_duplicates);
  counter(out, shards, "strandline_producers_forgotten_total",
          "Idempotent producers dropped because producer.ids.max was reached.",
          &M::producers_forgotten);
  counter(out, shards, "strandline_fetch_bytes_total", "Bytes of record batches sent.",
          &M::fetch_bytes);
  counter(out, shards, "strandline_fetch_checked_bytes_total",
          "Bytes read and checked by a disk thread before being served.", &M::fetch_checked_bytes);
  counter(out, shards, "strandline_fetch_waits_total", "Fetches that waited for data.",
          &M::fetch_waits);
  out.family("strandline_replication_throttled_bytes_total", Type::counter,
             "Bytes that throttled replicas were allowed, by side: sent as a leader, received as a "
             "follower.");
  out.sample(R"(side="leader")", sum_of(shards, &M::throttled_sent_bytes));
  out.sample(R"(side="follower")", sum_of(shards, &M::throttled_received_bytes));
  counter(out, shards, "strandline_scrub_bytes_total",
          "Bytes of sealed segments read from the disk and checked.", &M::scrub_bytes);
  counter(out, shards, "strandline_scrub_rounds_total",
          "Times a shard came through all that it leads.", &M::scrub_rounds);
  counter(out, shards, "strandline_scrub_compared_total",
          "Pieces compared with what the leader has.", &M::scrub_compared);
  counter(out, shards, "strandline_scrub_differences_total",
          "Of these, other than the leader's, and neither damaged.", &M::scrub_differences);
  counter(out, shards, "strandline_scrub_skipped_total", "Pieces left to the next round.",
          &M::scrub_skipped);
  counter(out, shards, "strandline_scrub_damaged_total",
          "Pieces found damaged: the replica fetches the records again.", &M::scrub_damaged);
  time_histogram(out, shards, "strandline_append_stall_seconds",
                 "How long a buffered append kept its shard.", &M::append_stall);
  time_histogram(out, shards, "strandline_sync_seconds",
                 "From asking for an fdatasync to hearing that it is done.", &M::sync_time);

  HistogramSnapshot groups;
  for (const ShardMetrics* shard : shards) groups.add(shard->sync_group);
  out.family("strandline_sync_group_appends", Type::histogram, "Appends made durable by one sync.");
  out.histogram("", groups, 0, 14, 1);

  counter(out, shards, "strandline_sync_failures_total",
          "Syncs that failed; the broker stops after the first.", &M::sync_failures);
  shard_gauge(out, shards, "strandline_unsynced_bytes", "Appended and not synced yet, by shard.",
              &M::unsynced_bytes);
  shard_gauge(out, shards, "strandline_sync_queue", "Partitions waiting for a sync thread.",
              &M::sync_queue);
  shard_gauge(out, shards, "strandline_disk_read_queue", "Reads waiting for a disk thread.",
              &M::disk_read_queue);
  counter(out, shards, "strandline_segments_rolled_total", "Segments closed and begun anew.",
          &M::segments_rolled);
  counter(out, shards, "strandline_segments_deleted_total", "Segments deleted.",
          &M::segments_deleted);
  counter(out, shards, "strandline_retention_bytes_total", "Bytes deleted by retention.",
          &M::retention_bytes);
}

void partition_part(TextExposition& out, std::span<const PartitionSample> partitions) {
  // The labels of a partition stand on every one of its lines: they are made once.
  std::vector<std::string> labels;
  labels.reserve(partitions.size());
  for (const PartitionSample& p : partitions) {
    labels.push_back(
        TextExposition::join({{"topic", p.topic}, {"partition", std::to_string(p.partition)}}));
  }
  const auto each = [&](std::string_view name, std::string_view help, auto field) {
    out.family(name, Type::gauge, help);
    for (std::size_t i = 0; i < partitions.size(); ++i) {
      out.sample(labels[i], static_cast<std::int64_t>(partitions[i].*field));
    }
  };
  using P = PartitionSample;
  each("strandline_log_size_bytes", "Bytes of the partition's segments.", &P::size_bytes);
  each("strandline_log_segments", "Segments of the partition.", &P::segments);
  each("strandline_log_start_offset", "First readable offset.", &P::log_start_offset);
  each("strandline_log_end_offset", "Offset the next record will get.", &P::log_end_offset);
  each("strandline_high_watermark", "Readers see offsets below it.", &P::high_watermark);
  each("strandline_flushed_end_offset", "Offsets below it are on the disk.", &P::flushed_end);
  each("strandline_partition_leader", "Node id of the leader, -1 for none.", &P::leader_id);
  each("strandline_partition_leader_epoch", "Leaders counted.", &P::leader_epoch);
  each("strandline_partition_replicas", "Replicas it is to have.", &P::replicas);
  each("strandline_partition_in_sync_replicas", "Of these, in sync.", &P::in_sync);
  each("strandline_partition_under_min_isr",
       "1 while fewer than min.insync.replicas are in sync: acks=all is refused.",
       &P::under_min_isr);
  each("strandline_partition_offline", "1 when the partition answers errors only.", &P::offline);
}

void stray_part(TextExposition& out, std::span<const StraySample> strays) {
  out.family("strandline_stray_directories", Type::gauge,
             "Directories of partitions that this broker has no replica of.");
  out.sample("", strays.size());
  out.family("strandline_stray_bytes", Type::gauge, "What each of them takes up.");
  for (const StraySample& stray : strays) {
    out.sample(TextExposition::join({{"directory", stray.directory}}), stray.bytes);
  }
}

void logging_part(TextExposition& out, const LogCounts& log) {
  out.family("strandline_log_lines_total", Type::counter, "Lines written to stderr, by level.");
  for (int level = 0; level < static_cast<int>(LogLevel::off); ++level) {
    out.sample(TextExposition::join({{"level", log_level_name(static_cast<LogLevel>(level))}}),
               log.written[level]);
  }
  out.family("strandline_log_lines_suppressed_total", Type::counter,
             "Lines held back because too many were alike.");
  out.sample("", log.suppressed);
}

}  // namespace

std::string render_metrics(const MetricsInput& input) {
  TextExposition out;
  broker_part(out, input.broker);
  process_part(out, input.process);
  api_part(out, input);
  connection_part(out, input.shards);
  log_part(out, input.shards);
  partition_part(out, input.partitions);
  stray_part(out, input.strays);
  logging_part(out, input.log);
  return out.take();
}

}  // namespace strandline
