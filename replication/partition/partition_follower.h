// One follower of one partition under one leader epoch: makes its log a copy of the leader's.
//
//   waiting   -> opening     there is a connection, and the last attempt is long enough ago
//   opening   -> opening     no answer in time, or the leader wants older epochs
//   opening   -> cutting     the answer: records beyond an offset are not the leader's
//   opening   -> streaming   the answer: all records are the leader's
//   cutting   -> streaming   the log is cut
//   opening, cutting, streaming -> waiting   the stream ended, broke, or something is missing in it
//
// Messages that do not name the present stream are ignored: those of an older leader by their
// epoch, those of an older stream by its number.
//
// The shell appends at once: after AppendBatches it calls on_appended() or on_append_failed()
// before any other input. Syncs and cuts take their time.
//
// Thread   one owner; no input is given while another is worked on
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "protocol/base/clock.h"
#include "protocol/base/errc.h"
#include "protocol/base/ids.h"
#include "replication/partition/epoch_history.h"
#include "replication/partition/messages.h"
#include "replication/partition/replica.h"

namespace strandline {

struct FollowerConfig {
  ReplicaId self = kNoReplica;
  Incarnation incarnation = kNoIncarnation;
  // A stream is asked for again, and another one opened, no earlier than this.
  std::int64_t retry_ms = 500;
  // Bytes the leader may send ahead of what is appended; 0 holds the stream.
  std::uint64_t credit_bytes = 4 << 20;
};

// The log as it is, when the follower begins and after a cut.
struct FollowerLog {
  Offset log_start_offset;
  Offset log_end_offset;
  Offset flushed_end;
  Offset high_watermark;
  EpochStarts epochs;
  bool needs_catch_up = false;  // damaged, or on a directory that nobody knows
};

struct SendToLeader {
  FollowerMessage message;
  friend bool operator==(const SendToLeader&, const SendToLeader&) = default;
};

// Drop the records from `end` on, and the epochs that begin there, then on_truncated(). The end may
// be the log end: then there are epochs without records.
struct TruncateLog {
  Offset end;
  // Records below it were readable here: unless an administrator gave them up (an unclean
  // election), something is badly wrong. Say so.
  Offset high_watermark_before;
  friend bool operator==(const TruncateLog&, const TruncateLog&) = default;
};

// Drop all records and begin an empty log at `start`, then on_truncated().
struct RestartLog {
  Offset start;
  friend bool operator==(const RestartLog&, const RestartLog&) = default;
};

// Hold the bytes of the message just given against their claims and CRCs, and append them.
struct AppendBatches {
  std::vector<BatchClaim> batches;
  friend bool operator==(const AppendBatches&, const AppendBatches&) = default;
};

// Sync everything appended so far, then on_synced() with what the log knows as flushed. The end of
// a sync that was under way anyway will do as well: if that is not enough, another is asked for.
struct StartSync {
  friend bool operator==(const StartSync&, const StartSync&) = default;
};

// Records below are deleted at the leader.
struct AdvanceLogStart {
  Offset log_start_offset;
  friend bool operator==(const AdvanceLogStart&, const AdvanceLogStart&) = default;
};

// For the log of the broker: this stream is no good, another one will be opened.
struct StreamBroken {
  StreamName name;
  Errc reason = Errc::ok;
  Offset log_end_offset;
  friend bool operator==(const StreamBroken&, const StreamBroken&) = default;
};

using FollowerEffect =
    std::variant<SendToLeader, TruncateLog, RestartLog, AppendBatches, StartSync,
                 AdvanceHighWatermark, AdvanceLogStart, StreamBroken, AskAllowance>;

class PartitionFollower {
 public:
  enum class State : std::uint8_t { waiting, opening, cutting, streaming };

  // There is no connection yet.
  //
  // last_stream   the number of the last stream that this broker opened for the partition since it
  //               started; kNoStream: none
  // Needs    no epoch of the log above `leader_epoch`; no cut of the log under way
  PartitionFollower(const FollowerConfig& config, LeaderEpoch leader_epoch, const FollowerLog& log,
                    StreamId last_stream);

  void on_connected(Instant now);
  void on_disconnected(Instant now);
  void on_message(Instant now, const LeaderMessage& message);

  void on_appended(Offset log_end_offset);
  // Nothing of the message was appended, or not all of it: the log ends at `log_end_offset`.
  void on_append_failed(Instant now, Offset log_end_offset, Errc reason);
  void on_synced(Offset flushed_end);
  // What the log is after TruncateLog or RestartLog.
  void on_truncated(Instant now, const FollowerLog& log);

  // More or less memory for what is on its way; what was granted stays granted.
  void set_credit(std::uint64_t credit_bytes);
  // Whether credit is granted only as allowed (AskAllowance); for a replica that is not in sync.
  // What was granted stays granted.
  void set_throttled(bool throttled);
  // So much may be granted next. Late ones change nothing.
  //
  // Needs    bytes > 0
  void on_allowance(const StreamName& name, std::uint64_t bytes);
  // A sync has been under way for disk.stall.ms, or no longer: the leader need not wait for it.
  void set_stalled(bool stalled);
  // The controller counts it among the ISR: whatever was missing is there again.
  void on_in_sync() { needs_catch_up_ = false; }

  void on_timeout(Instant now);                 // early and repeated calls do no harm
  std::optional<Instant> next_timeout() const;  // the shell sleeps until then
  std::vector<FollowerEffect> take_effects();   // drained after every input

  State state() const { return state_; }
  LeaderEpoch leader_epoch() const { return name_.leader_epoch; }
  StreamId last_stream() const { return name_.stream; }
  Offset log_end_offset() const { return log_end_; }
  Offset log_start_offset() const { return log_start_; }
  Offset high_watermark() const { return high_watermark_; }
  bool needs_catch_up() const { return needs_catch_up_; }

  // Ends the process when something is wrong that no input may bring about.
  void assert_invariants() const;

 private:
  friend class StateWriter;  // tests/sim/search tells states apart by all there is

  void on_message(Instant now, const OlderEpochsWanted& wanted);
  void on_message(Instant now, const StreamOpened& opened);
  void on_message(Instant now, const StreamBatches& batches);
  void on_message(Instant now, const StreamPosition& position);
  void on_message(Instant now, const StreamEnd& end);

  void take_log(const FollowerLog& log);
  void open(Instant now);
  void ask(Instant now);
  void reopen(Instant now);
  void break_stream(Instant now, Errc reason);
  void begin_streaming();
  bool grant();
  Errc check(const StreamBatches& batches) const;
  void hear(Offset high_watermark, Offset log_start_offset);
  void follow_position();
  void acknowledge();
  void sync_if_behind();

  FollowerConfig config_;
  StreamName name_;  // of the present stream, or of the last
  State state_ = State::waiting;
  bool connected_ = false;
  bool stream_is_over_ = false;  // while cutting: open another one afterwards
  std::int32_t round_ = 0;
  std::optional<LeaderEpoch> at_most_;  // of the piece that is asked about
  std::optional<Instant> opened_at_;    // the last stream
  Instant asked_at_;
  Offset cut_to_ = kNoOffset;

  EpochHistory history_;
  Offset log_start_;
  Offset log_end_;
  Offset flushed_end_;
  Offset high_watermark_;
  Offset leader_high_watermark_ = kNoOffset;  // as heard in this stream
  Offset leader_log_start_ = kNoOffset;
  bool needs_catch_up_ = false;
  bool stalled_ = false;
  bool syncing_ = false;

  std::vector<BatchClaim> appending_;  // empty outside of an append
  std::uint64_t appending_bytes_ = 0;
  std::uint64_t bytes_taken_ = 0;  // in this stream
  std::uint64_t credit_limit_ = 0;
  bool throttled_ = false;
  bool awaits_allowance_ = false;
  std::vector<FollowerEffect> effects_;
};

}  // namespace strandline
