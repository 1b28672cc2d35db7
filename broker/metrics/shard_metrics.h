// What one shard counts. Each shard owns one ShardMetrics and is its only writer; the metrics page
// adds them up. Names on the page: docs/operations.md
//
// Thread   the owning shard writes; any thread reads
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "broker/metrics/counter.h"
#include "broker/metrics/histogram.h"
#include "protocol/base/clock.h"

namespace strandline {

// Requests of one Kafka API.
struct ApiMetrics {
  Counter requests;   // answered, errors included
  Counter errors;     // answered with an error code in any part
  Counter bytes_in;   // frames received, with their length field
  Counter bytes_out;  // frames sent
  Histogram latency;  // ns from the frame's last byte read to the response queued for sending
};

// Why a connection was turned away at accept.
enum class RefuseReason : std::uint8_t { connections_max, descriptors };
inline constexpr std::array<std::string_view, 2> kRefuseReasonNames = {"connections_max",
                                                                       "descriptors"};

// Why a connection ended.
enum class CloseReason : std::uint8_t {
  peer,         // closed by the other side, between two requests
  broken,       // reset, or closed in the middle of a frame
  idle,         // nothing asked for connections.max.idle.ms
  malformed,    // bytes that are no request
  frame_size,   // a length beyond the limit
  half_sent,    // a frame begun and not finished in time
  slow_reader,  // answers not taken in time
  http,         // an HTTP exchange on the kafka port was done
  shutdown,
};
inline constexpr std::array<std::string_view, 9> kCloseReasonNames = {
    "peer",      "broken",      "idle", "malformed", "frame_size",
    "half_sent", "slow_reader", "http", "shutdown"};

// What was wrong with a frame that was no request.
enum class MalformedKind : std::uint8_t { size, header, body, unknown_api, version };
inline constexpr std::array<std::string_view, 5> kMalformedKindNames = {"size", "header", "body",
                                                                        "unknown_api", "version"};

inline constexpr std::array<std::string_view, 4> kHttpClassNames = {"2xx", "3xx", "4xx", "5xx"};

struct ShardMetrics {
  // --- requests. The entry of an API key comes into being with its first request.
  static constexpr std::size_t kApiKeys = 128;
  ~ShardMetrics();
  ShardMetrics() = default;
  ShardMetrics(const ShardMetrics&) = delete;
  ShardMetrics& operator=(const ShardMetrics&) = delete;

  // Keys outside 0 … 127 share the last entry. Only the owning shard may call this.
  ApiMetrics& api(std::int16_t key) {
    const std::size_t slot = key >= 0 && static_cast<std::size_t>(key) < kApiKeys
                                 ? static_cast<std::size_t>(key)
                                 : kApiKeys - 1;
    ApiMetrics* found = apis_[slot].load(std::memory_order_relaxed);
    return found != nullptr ? *found : add_api(slot);
  }
  // nullptr when there was no such request.
  const ApiMetrics* find_api(std::size_t slot) const {
    return apis_[slot].load(std::memory_order_acquire);
  }

  // Kafka error codes sent, each part of a response once; the code is -1 … 254.
  static constexpr std::size_t kErrorCodes = 256;
  void count_error(std::int16_t kafka_code) {
    const int slot = kafka_code + 1;
    errors[slot >= 0 && slot < static_cast<int>(kErrorCodes) ? static_cast<std::size_t>(slot) : 0]
        .add();
  }
  std::array<Counter, kErrorCodes> errors{};

  // --- connections
  Counter connections_accepted;
  Counter connections_moved;  // to the shard that owns what they ask for
  std::array<Counter, kRefuseReasonNames.size()> connections_refused{};
  std::array<Counter, kCloseReasonNames.size()> connections_closed{};
  Gauge connections_open;
  void count_refused(RefuseReason reason) {
    connections_refused[static_cast<std::size_t>(reason)].add();
  }
  void count_accepted() {
    connections_accepted.add();
    connections_open.add(1);
  }
  void count_closed(CloseReason reason) {
    connections_closed[static_cast<std::size_t>(reason)].add();
    connections_open.add(-1);
  }
  void count_moved_out() {
    connections_moved.add();
    connections_open.add(-1);
  }
  void count_moved_in() { connections_open.add(1); }
  std::array<Counter, kMalformedKindNames.size()> malformed{};
  void count_malformed(MalformedKind kind) { malformed[static_cast<std::size_t>(kind)].add(); }

  // --- HTTP, by class of status: 2xx, 3xx, 4xx, 5xx
  std::array<Counter, kHttpClassNames.size()> http_responses{};
  void count_http(int status) {
    const int slot = status / 100 - 2;
    http_responses[slot >= 0 && slot < 4 ? static_cast<std::size_t>(slot) : 3].add();
  }

  // --- sending
  Counter sent_memory_bytes;    // to sockets from memory
  Counter sent_sendfile_bytes;  // to sockets from files, without passing through the process

  // --- memory and back-pressure
  Gauge memory_in_flight_bytes;  // requests being read or answered, and answers not sent yet
  Counter reads_paused;          // times a connection was not read because of a limit

  // --- produce
  Counter produce_batches;
  Counter produce_records;
  Counter produce_bytes;        // of record batches accepted
  Counter produce_duplicates;   // batches known from before, answered with their first offset
  Counter producers_forgotten;  // idempotent ones, at producer.ids.max
  Histogram append_stall;       // ns a buffered append kept the shard

  // --- fetch
  Counter fetch_bytes;          // of record batches sent to consumers
  Counter fetch_checked_bytes;  // read and checked (CRC) by a disk thread before being served
  Counter fetch_waits;          // fetches that had to wait for data

  // --- replication: bytes that throttled streams were allowed
  Counter throttled_sent_bytes;
  Counter throttled_received_bytes;

  // --- scrubber
  Counter scrub_bytes;        // read from the disk and checked
  Counter scrub_rounds;       // over all that the shard leads
  Counter scrub_compared;     // pieces, with what the leader found
  Counter scrub_differences;  // of these, with no damage on either side
  Counter scrub_skipped;      // pieces that could not be read or compared this time
  Counter scrub_damaged;      // pieces that are damaged here

  // --- sync
  Histogram sync_time;   // ns from asking a sync thread to hearing that the data is on disk
  Histogram sync_group;  // appends one sync made durable
  Counter sync_failures;
  Gauge unsynced_bytes;

  // --- queues: entries waiting now
  Gauge sync_queue;        // partitions waiting for a sync thread
  Gauge disk_read_queue;   // reads waiting for a disk thread
  Gauge delayed_produces;  // acks=all waiting for the sync
  Gauge delayed_fetches;   // long polls waiting for data

  // --- log keeping
  Counter segments_rolled;
  Counter segments_deleted;
  Counter retention_bytes;  // deleted by retention

 private:
  ApiMetrics& add_api(std::size_t slot);

  std::array<std::atomic<ApiMetrics*>, kApiKeys> apis_{};
};

}  // namespace strandline
