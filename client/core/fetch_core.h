// The reader: goes along partitions from given places on, at their leaders or at replicas that
// these name, and hands out whole batches in order, each checked.
//
//   locate ──> check ──> fetch ──> …        lost: wants a seek()
//     ^          │ ^       │ │                ^
//     └──────────┴─┼───────┘ └── refused ─────┤
//   out of range   └── a new leader           └── no place to go on, and none is to be chosen
//
//   locate   the offset of a time, or of an end, is asked for (ListOffsets)
//   check    there is a new leader: does its log still hold the last record read? (KIP-320)
//   fetch    batches are asked for
//
// Sessions of fetches (KIP-227) are not asked for: every fetch names all its partitions.
//
// Thread   one owner
// Owns     nothing that was served: its shell does, until the last batch of a frame is let go
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "client/core/fetched_batches.h"
#include "client/core/metadata_cache.h"
#include "client/core/requests.h"
#include "client/core/retry_delay.h"
#include "protocol/base/clock.h"
#include "protocol/base/prng.h"

namespace strandline::client {

// What to do when a position is not in the log any more.
enum class WhenLost : std::uint8_t {
  stop,      // say so, and wait for a seek()
  earliest,  // go on at the first record; after a truncation, where the logs part
  latest,    // go on behind the last record; after a truncation, where the logs part
};

struct FetchConfig {
  std::int32_t bytes_max = 50 << 20;                   // of one answer
  std::int32_t partition_bytes_max = 1 << 20;          // of one partition in it
  std::int32_t bytes_min = 1;                          // an answer waits for so many …
  Duration wait_max = std::chrono::milliseconds{500};  // … for so long
  // Batches handed out and not released. Partitions rest at it; the first batch of an answer comes
  // whatever its size, so it may be exceeded by one batch a broker.
  std::size_t buffer_bytes_max = std::size_t{64} << 20;
  WhenLost when_lost = WhenLost::stop;
  std::string rack;  // where this reader is; empty: nowhere, it reads at leaders
  Duration replica_age_max =
      std::chrono::minutes{5};  // then the leader is asked again where to read
  RetryDelay retry;
  Duration metadata_age_max = std::chrono::minutes{5};

  // What is wrong with it, in a few words; empty when nothing is.
  std::string_view problem() const;
};

// Effect: the next batches of a partition. Also without any, when the high watermark has moved.
struct DeliverBatches {
  TopicPartition partition;
  FetchPosition from;  // records before it were handed out earlier
  FetchPosition next;
  std::vector<ByteView> batches;
  std::size_t bytes = 0;  // of the batches; give them back by release()
  Offset high_watermark = kNoOffset;
  Offset log_start_offset = kNoOffset;
  BrokerId served_by = kNoBroker;
  Leader leader;  // as it was known when this was asked for
  Instant asked_at;
  std::shared_ptr<const void> frame;  // keeps the batches alive
};

// Effect: the position was not in the log, and reading goes on at another by itself.
struct PositionMoved {
  TopicPartition partition;
  FetchPosition from;
  FetchPosition to;
  bool truncated = false;  // records were read that the log does not hold any more
};

// Effect: reading has stopped until seek().
struct PositionLost {
  TopicPartition partition;
  FetchPosition position;
  ErrorCode error;                          // offset_out_of_range, or why brokers refuse for good
  std::optional<FetchPosition> common_end;  // truncated: up to there the log is as it was read
};

// Effect: what was served is no log. It is asked for again, after a while.
struct BatchDamaged {
  TopicPartition partition;
  FetchPosition position;
  BrokerId served_by = kNoBroker;
  Errc error = Errc::ok;
};

using FetchEffect = std::variant<SendRequest, LearnBrokers, DeliverBatches, PositionMoved,
                                 PositionLost, BatchDamaged>;

class FetchCore {
 public:
  // seed     of jitter
  // Needs    config.problem() is empty
  FetchCore(FetchConfig config, std::uint64_t seed);
  FetchCore(const FetchCore&) = delete;
  FetchCore& operator=(const FetchCore&) = delete;

  // Reads the partition from there on, or goes there with one that is read already. Answers to what
  // was asked before come to nothing.
  void seek(Instant now, const TopicPartition& partition, const FetchPosition& position);
  // The same at a time, at kEarliestOffset or at kLatestOffset.
  void seek_time(Instant now, const TopicPartition& partition, Timestamp time);
  void remove(Instant now, const TopicPartition& partition);

  // Nothing is fetched of a paused partition; what is under way still comes.
  void pause(Instant now, const TopicPartition& partition, bool paused);

  // The owner is done with batches of so many bytes.
  void release(Instant now, std::size_t bytes);

  // What came of a request. An answer of another kind counts as a failure.
  //
  // frame    what a FetchResponse borrows from; null for others
  void on_response(Instant now, RequestId id, const ResponseBody& response,
                   const std::shared_ptr<const void>& frame);
  void on_failed(Instant now, RequestId id, const ErrorCode& error);

  void on_timeout(Instant now);                 // early and repeated calls do no harm
  std::optional<Instant> next_timeout() const;  // the shell sleeps until then
  std::vector<FetchEffect> take_effects();      // drained after every input

  // Nothing for partitions that are not read, or whose place is not known yet.
  std::optional<FetchPosition> position(const TopicPartition& partition) const;
  std::size_t buffered_bytes() const { return buffered_bytes_; }

  void assert_invariants() const;

 private:
  enum class Phase : std::uint8_t { locate, check, fetch, lost };

  struct Partition {
    Phase phase = Phase::lost;
    std::uint64_t visit = 0;  // counts seeks: answers to older ones do not count
    bool busy = false;        // a request is under way
    bool paused = false;
    FetchPosition position;
    std::optional<FetchPosition> moved_from;     // locate: where it was before it was lost
    Timestamp time{};                            // locate: what is asked for
    LeaderEpoch checked_epoch = kNoLeaderEpoch;  // the newest leader whose log has the position
    Offset high_watermark = kNoOffset;
    BrokerId replica = kNoBroker;  // where the leader sent us
    std::optional<Instant> replica_until;
    std::int32_t failures = 0;
    std::optional<Instant> paused_until;
  };

  using Partitions = std::map<TopicPartition, Partition>;

  struct Asked {
    TopicPartition partition;
    std::uint64_t visit = 0;
    FetchPosition position;
    Leader leader;
  };

  enum class Question : std::uint8_t { offsets, epochs, batches };

  struct InFlight {
    BrokerId broker;
    Question question = Question::offsets;
    Instant asked_at;
    std::vector<Asked> asked;
    std::size_t bytes_max = 0;  // of batches
  };

  // What is asked of one broker in one step.
  struct Questions {
    std::vector<Partitions::value_type*> locate;
    std::vector<Partitions::value_type*> check;
    std::vector<Partitions::value_type*> fetch;
  };

  // fetch_core.cc
  Partition& begin_visit(Instant now, const TopicPartition& partition);
  void step(Instant now);
  Partition* find(const Asked& asked);

  // fetch_requests.cc
  void ask(Instant now);
  void sort_question(Instant now, Partitions::value_type& entry,
                     std::map<BrokerId, Questions>& questions);
  BrokerId reads_at(Instant now, Partition& partition, const Leader& leader) const;
  Asked asks(Partitions::value_type& entry);
  void ask_offsets(BrokerId broker, const std::vector<Partitions::value_type*>& entries);
  void ask_epochs(BrokerId broker, const std::vector<Partitions::value_type*>& entries);
  void ask_batches(BrokerId broker, const std::vector<Partitions::value_type*>& entries,
                   std::size_t readers);
  RequestId send(BrokerId broker, RequestBody body);

  // fetch_answers.cc
  static Errc why_unfit(Question question, const ResponseBody& response);
  InFlight landed(RequestId id);
  void on_metadata(Instant now, const wire::MetadataResponse& response);
  void on_fetched(Instant now, const InFlight& request, const wire::FetchResponse& response,
                  const std::shared_ptr<const void>& frame);
  void on_fetched(Instant now, const InFlight& request, const Asked& asked,
                  const wire::FetchResponse::Partition& answer,
                  const std::shared_ptr<const void>& frame);
  void deliver(Instant now, const InFlight& request, const Asked& asked, Partition& partition,
               const wire::FetchResponse::Partition& answer,
               const std::shared_ptr<const void>& frame);
  void on_fetch_error(Instant now, const InFlight& request, const Asked& asked,
                      Partition& partition, Errc error);
  void on_located(Instant now, const InFlight& request, const wire::ListOffsetsResponse& response);
  void on_checked(Instant now, const InFlight& request,
                  const wire::OffsetForLeaderEpochResponse& response);

  // fetch_positions.cc
  void located(Instant now, const Asked& asked, Partition& partition,
               const wire::ListOffsetsResponse::Partition& answer);
  void checked(Instant now, const Asked& asked, Partition& partition,
               const wire::OffsetForLeaderEpochResponse::Partition& answer);
  void out_of_range(const Asked& asked, Partition& partition);
  void truncated(const Asked& asked, Partition& partition,
                 const std::optional<FetchPosition>& common_end);
  void lose(const TopicPartition& name, Partition& partition, const ErrorCode& error,
            const std::optional<FetchPosition>& common_end);
  void try_again(Instant now, Partition& partition, const ErrorCode& error);

  FetchConfig config_;
  Prng prng_;
  MetadataCache metadata_;
  Partitions partitions_;
  std::optional<TopicPartition> turn_;  // asked for last: the next fetch begins behind it
  std::map<RequestId, InFlight> in_flight_;
  std::map<BrokerId, RequestId> fetches_;  // one at a time to each broker
  std::uint64_t last_request_ = 0;
  std::uint64_t last_visit_ = 0;
  std::optional<RequestId> metadata_request_;
  std::size_t buffered_bytes_ = 0;
  std::size_t awaited_bytes_ = 0;  // what fetches under way may bring
  Instant now_{};
  std::vector<FetchEffect> effects_;
};

}  // namespace strandline::client
