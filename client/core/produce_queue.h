// The batches of one partition on their way to its leader, in the order of their records.
//
//   waiting ── sent ──> in flight ── answered ──> settled, gone
//      ^                   │
//      └── again <─────────┘   refused in a way that may pass, or lost
//
// Order       Batches go out in order. Once one of them has to be sent again, none is sent until
// all
//             that are in flight have been answered or lost; then sending begins anew at the first.
// Sequences   (idempotent) are given when a batch is sent first and kept when it is sent again.
// From
//             the first unsettled batch on at most `window` are numbered, settled ones among them
//             included, so that a leader, which remembers five, knows every unsettled one again.
//             Until a leader has taken the first batch under an identity it is alone in flight: a
//             leader that knows nothing of a producer takes any sequence, and would take the second
//             without the first.
// Bumps       (KIP-360) A leader that misses sequences before the first unsettled batch misses
//             records of ours that are settled. Then that batch and those behind it are not in its
//             log, and once nothing is in flight they begin at 0 in a new epoch.
//
// Thread   one owner
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "client/core/produce_batch.h"
#include "client/core/retry_delay.h"
#include "protocol/base/errc.h"
#include "protocol/base/prng.h"

namespace strandline::client {

// What became of some records, for good.
struct ProduceOutcome {
  ErrorCode error;                       // ok: appended, as safely as `acks` asks for
  Offset base_offset = kNoOffset;        // of the first; none with acks=0, or a late duplicate
  Timestamp append_time = kNoTimestamp;  // none where records keep their own
  BrokerId acked_by = kNoBroker;         // the leader that said so
  bool may_be_written = false;    // of an error: some or all may be in the log, or come to it
  std::vector<RecordId> records;  // at base_offset, base_offset + 1, …
  std::size_t charged_bytes = 0;  // what the producer's buffer gets back
};

struct ProduceQueueConfig {
  bool idempotent = true;
  std::size_t batch_bytes_max = 0;
  std::size_t window = 5;
  Duration linger{0};
  Duration delivery_timeout{0};
  RetryDelay retry;
  BatchCodec codec;
};

// The codecs that all queues of a producer share.
struct Codecs {
  Compressor compressor;
  Decompressor decompressor;
};

class ProduceQueue {
 public:
  // config, prng, codecs   of the core that owns this; outlive it
  ProduceQueue(const ProduceQueueConfig& config, Prng& prng, Codecs& codecs)
      : config_(config), prng_(prng), codecs_(codecs) {}

  // True when the record began a batch: only then is there more to send than before.
  bool append(Instant now, RecordId id, const RecordInput& record);

  // A batch that is to be sent, for the request that takes it.
  struct Parcel {
    std::uint64_t serial = 0;
    ByteView bytes;  // until the batch is settled
  };

  // The next batch to send, now in flight; nothing when there is none, it must wait, or it is
  // larger than `room`.
  //
  // identity     the producer's; not looked at unless idempotent
  // urgent_last  batches that begin with this record or an earlier one do not wait to be filled
  std::optional<Parcel> take(Instant now, const ProducerIdentity& identity, RecordId urgent_last,
                             std::size_t room);

  // Needs    for each parcel taken one of these, once
  struct Appended {
    Offset base_offset = kNoOffset;
    Timestamp append_time = kNoTimestamp;
  };
  void on_appended(std::uint64_t serial, BrokerId by, const Appended& appended);
  void on_refused(Instant now, std::uint64_t serial, BrokerId by, Errc error);
  void on_lost(Instant now, std::uint64_t serial, const ErrorCode& error, bool may_be_written);

  // It is known where the next try goes to, so it need not wait.
  void hurry() { paused_until_.reset(); }

  // Settles what is older than the delivery timeout. What is in flight keeps its place until it is
  // answered. `why` names what stands in the way when no broker was even asked.
  void expire(Instant now, Errc why);

  // Settles all that is not in flight; for errors that no waiting mends.
  void fail_waiting(const ErrorCode& error);

  // A leader misses sequences; nothing is in flight any more, so they can begin anew.
  bool wants_identity() const { return wants_identity_ && in_flight_ == 0; }
  const ProducerIdentity& identity() const { return identity_; }
  void renumber(const ProducerIdentity& identity);

  bool empty() const { return entries_.empty(); }
  std::size_t in_flight() const { return in_flight_; }

  // The next instant after `now` at which take() or expire() may have something to do by
  // themselves.
  std::optional<Instant> next_event(Instant now) const;

  // What was settled since the last call, in that order.
  std::vector<ProduceOutcome> take_outcomes();

  void assert_invariants() const;

 private:
  enum class State : std::uint8_t { waiting, in_flight };

  struct Entry {
    std::uint64_t serial = 0;
    ProduceBatch batch;
    State state = State::waiting;
    bool numbered = false;
    bool again = false;     // was in flight before, and its bytes are as they were
    bool doubtful = false;  // may be in a log
    bool settled = false;   // its outcome is told; kept for the place it holds in the sequence
    std::int32_t record_count = 0;
    Sequence base_sequence = kNoSequence;
    ErrorCode last_error;
  };

  Entry* next_entry(Instant now, const ProducerIdentity& identity, RecordId urgent_last);
  bool is_ready(Instant now, std::size_t place, RecordId urgent_last) const;
  std::size_t window() const;
  void number(Entry& entry, const ProducerIdentity& identity);
  std::size_t place_of(std::uint64_t serial) const;
  Entry& landed(std::size_t place);
  void send_again(Instant now, Entry& entry, const ErrorCode& error);
  void drop_settled(std::size_t place);
  void misses_sequences(Instant now, std::size_t place, Errc error);
  bool split(std::size_t place);
  void settle(std::size_t place, ProduceOutcome outcome);
  void remove(std::size_t place);

  const ProduceQueueConfig& config_;
  Prng& prng_;
  Codecs& codecs_;
  std::deque<Entry> entries_;
  std::uint64_t last_serial_ = 0;
  std::size_t in_flight_ = 0;
  bool draining_ = false;  // something is to be sent again: first all in flight must land
  std::int32_t failures_ = 0;
  std::optional<Instant> paused_until_;
  ProducerIdentity identity_;
  Sequence next_sequence_{0};
  bool established_ = false;  // a leader has taken a batch under this identity
  bool wants_identity_ = false;
  std::vector<ProduceOutcome> outcomes_;
};

}  // namespace strandline::client
