// One leader term of one partition: takes its followers' streams, decides how far the high
// watermark goes, and who is in sync. Rules and reasons: docs/replication.md
//
// A term begins with the log as it is when the controller names this replica leader in a new epoch,
// and ends when the object does. A broker never leads twice in one epoch.
//
// High watermark: the least safe end of the maximal ISR (IsrSet); it moves only while the committed
// ISR has min.insync.replicas members, and never falls.
//
// Thread   one owner; no input is given while another is worked on
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "protocol/base/clock.h"
#include "protocol/base/errc.h"
#include "protocol/base/ids.h"
#include "replication/partition/epoch_history.h"
#include "replication/partition/follower_state.h"
#include "replication/partition/isr_set.h"
#include "replication/partition/messages.h"
#include "replication/partition/replica.h"

namespace strandline {

struct LeaderConfig {
  ReplicaId self = kNoReplica;
  Incarnation incarnation = kNoIncarnation;

  // Of the topic; see set_topic_config().
  std::int32_t min_insync_replicas = 1;
  bool flush_on_ack = true;
  std::int64_t replica_lag_ms_max = 2000;

  // What had no answer for so long is said again.
  std::int64_t retry_ms = 500;
  // One read for a stream that follows from memory, and for one that catches up from files.
  std::uint64_t tail_bytes_max = 1 << 20;
  std::uint64_t catch_up_bytes_max = 1 << 20;
  // Reads from files under way at a time, over all streams of the partition; they take turns.
  int catch_up_reads_max = 1;
};

// The controller's word on this term.
struct LeaderTerm {
  LeaderEpoch leader_epoch;
  std::vector<ReplicaId> replicas;  // all that are assigned, this one among them
  CommittedIsr isr;
};

// The leader's own log as the term begins.
struct LeaderLog {
  Offset log_start_offset;
  // Where the batch that holds the log start begins: a log that is begun anew begins there.
  Offset first_batch_offset;
  Offset log_end_offset;
  Offset flushed_end;
  Offset high_watermark;
  EpochStarts epochs;
};

// The high watermark is known: readers that were held are let in.
struct ServeReaders {
  friend bool operator==(const ServeReaders&, const ServeReaders&) = default;
};

// Producers that wait with acks=all are answered with `reason`: too few replicas are in sync.
struct RefuseWaiting {
  Errc reason = Errc::ok;
  friend bool operator==(const RefuseWaiting&, const RefuseWaiting&) = default;
};

// Send to the controller; said again until it is answered.
struct ProposeIsr {
  IsrProposal proposal;
  friend bool operator==(const ProposeIsr&, const ProposeIsr&) = default;
};

struct SendToFollower {
  LeaderMessage message;  // its name tells to whom
  friend bool operator==(const SendToFollower&, const SendToFollower&) = default;
};

// Read whole batches from `from` on, at least one, about `bytes_max` at most; then tell on_read()
// or on_read_failed(), once.
struct ReadBatches {
  StreamName name;
  Offset from;
  Offset end;  // the log end
  std::uint64_t bytes_max = 0;
  bool from_files = false;  // not in the part of the log that the shell keeps in memory
  friend bool operator==(const ReadBatches&, const ReadBatches&) = default;
};

using LeaderEffect = std::variant<AdvanceHighWatermark, ServeReaders, RefuseWaiting, ProposeIsr,
                                  SendToFollower, ReadBatches, AskAllowance>;

// A follower as rack-aware readers are to know it (KIP-392).
struct ReplicaView {
  ReplicaId replica = kNoReplica;
  bool in_sync = false;                 // in the committed ISR
  Offset log_end_offset = kNoOffset;    // kNoOffset: not known in this term
  Offset high_watermark = kNoOffset;    // that it was last known to have
  std::optional<Instant> caught_up_at;  // it held all that the leader had then
  friend bool operator==(const ReplicaView&, const ReplicaView&) = default;
};

class PartitionLeader {
 public:
  // Needs    high watermark and flushed end not above the log end, no epoch above the term's
  PartitionLeader(const LeaderConfig& config, const LeaderTerm& term, const LeaderLog& log,
                  Instant now);

  // The log grew, or more of it is on the disk, or its first readable offset moved up. Lower
  // numbers than before change nothing.
  //
  // first_batch_offset   as in LeaderLog
  void on_append(Instant now, Offset log_end_offset);
  void on_synced(Instant now, Offset flushed_end);
  void on_log_start(Instant now, Offset log_start_offset, Offset first_batch_offset);
  // The shell holds batches from `tail_start` on in memory.
  void on_tail_start(Instant now, Offset tail_start);

  // A message of a follower. What does not belong here is answered with StreamEnd or ignored.
  void on_message(Instant now, const FollowerMessage& message);
  // The connection that this stream was opened over is gone. A stream opened since, over another
  // one, goes on.
  void on_disconnected(Instant now, const StreamName& name);

  // The bytes of a ReadBatches are there. Gives the header to send them with, less `batches`, which
  // the shell fills; none: the stream is over, or another has begun, and nothing is to be sent.
  //
  // Needs    next_offset > the `from` of the effect, bytes > 0
  std::optional<StreamBatches> on_read(Instant now, const StreamName& name, Offset next_offset,
                                       std::uint64_t bytes);
  // The stream ends and its follower opens another.
  //
  // reason   offset_out_of_range: no batch begins where the read was to begin
  void on_read_failed(Instant now, const StreamName& name, Errc reason);

  // Whether replicas that are not in sync are sent batches only as allowed (AskAllowance). Nobody
  // in the maximal ISR is ever throttled: producers wait for it.
  void set_throttled(Instant now, bool throttled);
  // So much may be sent next. Late ones change nothing.
  //
  // Needs    bytes > 0
  void on_allowance(Instant now, const StreamName& name, std::uint64_t bytes);

  // The controller committed this, as an answer or as an image says. Known ones change nothing.
  void on_isr(Instant now, const CommittedIsr& isr);
  // The controller refused the proposal on top of `expected`.
  //
  // reason     fenced_leader_epoch, not_leader_or_follower: this term is over
  // at_fault   who may not be in the ISR, or not under that incarnation; kNoReplica: nobody
  void on_isr_refused(Instant now, PartitionEpoch expected, Errc reason, ReplicaId at_fault);

  // These replicas may not join the ISR: their brokers are fenced, or about to stop. The controller
  // would refuse them, and a refused addition is in doubt until another change is committed.
  void set_barred(Instant now, const std::set<ReplicaId>& replicas);

  // Needs    min_insync_replicas >= 1
  void set_topic_config(Instant now, std::int32_t min_insync_replicas, bool flush_on_ack,
                        std::int64_t replica_lag_ms_max);

  void on_timeout(Instant now);                 // early and repeated calls do no harm
  std::optional<Instant> next_timeout() const;  // the shell sleeps until then
  std::vector<LeaderEffect> take_effects();     // drained after every input

  LeaderEpoch leader_epoch() const { return term_epoch_; }
  Offset high_watermark() const { return high_watermark_; }
  Offset log_end_offset() const { return log_end_; }
  Offset log_start_offset() const { return log_start_; }

  // Whether an append with acks=all may begin: ok or not_enough_replicas.
  Errc may_append() const;
  // The answer to an append that ends at `end`; none: it waits.
  std::optional<Errc> answer_for(Offset end) const;
  // False while the log end that this term began with is not reached: a reader would see the high
  // watermark fall. Fetches are held; the latest offset is offset_not_available.
  bool may_serve_readers() const { return high_watermark_ >= elected_end_; }

  const IsrSet& isr() const { return isr_; }
  std::vector<ReplicaView> replicas() const;  // the followers, by id

  // Ends the process when something is wrong that no input may bring about.
  void assert_invariants() const;

 private:
  friend class StateWriter;  // tests/sim/search tells states apart by all there is
  using Followers = std::map<ReplicaId, FollowerState>;

  // partition_leader.cc
  void settle(Instant now);
  void advance_high_watermark();
  std::int32_t min_insync_replicas() const;
  bool has_enough_replicas() const;
  void tell_of_too_few(bool had_enough);

  // leader_isr.cc
  void consider_isr(Instant now);
  bool wants_other_isr(Instant now) const;
  void propose(Instant now, const std::set<ReplicaId>& members);
  bool is_complete(const FollowerState& follower) const;
  bool is_lagging(const FollowerState& follower, Instant now) const;
  bool is_near(const FollowerState& follower, Instant now) const;
  bool may_join(const FollowerState& follower, Instant now) const;
  std::optional<Instant> next_isr_timeout() const;

  // leader_streams.cc
  void on_open(Instant now, const OpenStream& open);
  void on_ack(Instant now, const StreamAck& ack);
  void answer_open(const OpenStream& open, FollowerState& follower);
  void begin_stream(const StreamAck& ack, FollowerState& follower);
  void end_stream(Instant now, FollowerState& follower, Errc reason);
  void serve_streams(Instant now);
  bool is_throttled(const FollowerState& follower) const;
  bool may_read_for(FollowerState& follower);
  void read_for(FollowerState& follower, bool from_files);
  FollowerState* next_to_catch_up();
  void send_position(Instant now, FollowerState& follower, bool confirm);
  void ask_again(Instant now, FollowerState& follower);
  std::optional<Instant> next_stream_timeout(const FollowerState& follower) const;
  FollowerState* stream_of(const StreamName& name);
  void send(LeaderMessage message);

  Duration retry() const { return std::chrono::milliseconds{config_.retry_ms}; }
  Duration lag_max() const { return std::chrono::milliseconds{config_.replica_lag_ms_max}; }

  LeaderConfig config_;
  const LeaderEpoch term_epoch_;
  const Offset elected_end_;
  EpochHistory history_;
  Offset log_start_;
  Offset first_batch_;
  Offset log_end_;
  Offset flushed_end_;
  Offset high_watermark_;
  Offset tail_start_;
  IsrSet isr_;
  Followers followers_;  // all assigned replicas but this one
  bool is_deposed_ = false;
  Instant proposed_at_;
  std::optional<Instant> refused_until_;  // the controller said no: not before then
  int file_reads_ = 0;
  std::uint64_t turns_ = 0;
  bool throttled_ = false;
  std::vector<LeaderEffect> effects_;
};

}  // namespace strandline
