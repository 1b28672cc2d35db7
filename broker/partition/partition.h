// One partition replica as the broker runs it: its log, the clients that wait on it, and its syncs.
//
// It leads, follows, or does neither, as the metadata image says: set_view(). What a write waits
// for: acks=all waits for the high watermark to pass its last record, and the high watermark is
// what the core of the leader says (docs/replication.md).
//
// Thread   the shard it lives on; syncs and cold reads run on worker threads and come back here
// Owns     the log, and its role
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/net/output_queue.h"
#include "broker/partition/link_id.h"
#include "broker/partition/partition_table.h"
#include "broker/runtime/shard_loop.h"
#include "protocol/base/bytes.h"
#include "protocol/base/clock.h"
#include "protocol/base/errc.h"
#include "protocol/base/ids.h"
#include "protocol/proto/replication_messages.h"
#include "protocol/record/batch.h"
#include "replication/metadata/topic_config.h"
#include "storage/log/partition_log.h"

namespace strandline {

class FollowerRole;
class LeaderRole;
class Shard;
struct PartitionView;
struct Settings;

// What a log needs of a topic's effective configs and the broker's settings.
LogConfig log_config(const TopicConfig& config, const Settings& settings);

// A long poll that wants to hear when a partition's readable end moves, or it goes away.
struct FetchWatch {
  std::size_t home_shard = 0;
  std::uint64_t fetch = 0;  // number of the fetch on its home shard

  friend bool operator==(const FetchWatch&, const FetchWatch&) = default;
};

struct PartitionAppend {
  Offset base_offset = kNoOffset;
  Offset end_offset = kNoOffset;  // what acks=all waits for the high watermark to reach
  Timestamp append_time = kNoTimestamp;
  Offset log_start_offset = kNoOffset;
};

// What a reader may see of the partition at one moment.
struct PartitionBounds {
  Offset log_start_offset{};
  Offset high_watermark{};
  Offset last_stable_offset{};
  Offset log_end_offset{};
};

// How large the log is, for people.
struct PartitionSizes {
  Offset flushed_end{};
  std::uint64_t bytes = 0;
  std::size_t segments = 0;
};

// How much a reader wants.
struct ReadLimits {
  std::uint64_t bytes_max = 0;
  bool at_least_one = true;     // a whole batch, also one that is larger than bytes_max
  bool read_committed = false;  // up to the last stable offset, not the high watermark
};

struct PartitionRead {
  ErrorCode error;
  PartitionBounds bounds;
  std::vector<FilePiece> slices;
  std::uint64_t bytes = 0;
};

class Partition : public std::enable_shared_from_this<Partition> {
 public:
  using Appended = std::function<void(const Result<PartitionAppend>&)>;
  using Committed = std::function<void(const ErrorCode&)>;
  using ReadDone = std::function<void(PartitionRead)>;
  using TimeFound = std::function<void(const Result<TimestampOffset>&)>;
  using LogStartMoved = std::function<void(const Result<Offset>&)>;

  // Neither leads nor follows before set_view().
  Partition(Shard& shard, std::string topic, PartitionKey key,
            std::shared_ptr<const TopicConfig> config, std::unique_ptr<PartitionLog> log);
  ~Partition();

  Shard& shard() const { return shard_; }
  const std::string& topic() const { return topic_; }
  const PartitionKey& key() const { return key_; }
  const TopicConfig& config() const { return *config_; }
  // While the log is being cut: as it was before.
  PartitionBounds bounds() const;
  PartitionSizes sizes() const;
  // Needs    not is_cutting(): a disk thread has it then
  PartitionLog& log();
  bool is_cutting() const { return cut_ != nullptr; }
  // How often the log was cut: what was taken from it before is no good after.
  std::uint64_t cuts() const { return cuts_; }
  bool is_offline() const { return !is_cutting() && log_->is_offline(); }

  // --- its role

  // What a metadata image says of it. Older ones than it has seen change nothing.
  void set_view(const PartitionView& view);
  // Its records are damaged, or it cannot know that it has them all: it says so to its leader until
  // it is in sync again.
  void set_needs_catch_up() { needs_catch_up_ = true; }

  BrokerId leader_id() const { return leader_id_; }  // that it believes in; kNoBroker: none
  LeaderEpoch leader_epoch() const { return leader_epoch_; }
  LeaderRole* leader() const { return leader_.get(); }
  FollowerRole* follower() const { return follower_.get(); }
  // Whether clients may write here, and read whatever is committed.
  bool leads() const { return leader_ != nullptr; }
  // ok, not_leader_or_follower, or not_enough_replicas when `acks_all`.
  Errc may_append(bool acks_all) const;
  // False while readers would see the high watermark fall.
  bool may_serve_readers() const;

  // What comes from other brokers (ReplicaTransport).
  void on_follower_message(LinkId link, const FollowerMessage& message);
  void on_leader_message(LinkId link, const LeaderMessage& message, ByteView bytes);
  void on_link_up(LinkId link);
  void on_link_down(LinkId link);
  void on_link_room(LinkId link);

  // --- for its role

  void advance_high_watermark(Offset high_watermark);
  void wake_readers() { wake_watches(); }
  // Ends the waits of acks=all, and no others.
  void refuse_waiting(const ErrorCode& error);
  // A follower appended.
  void note_replicated(std::int64_t records, std::uint64_t bytes, std::uint64_t batches);
  void sync_for_leader();
  void follow_log_start(Offset log_start_offset);
  void fail_append(const ErrorCode& error);

  struct LogCut {
    Offset end;
    bool restarts = false;  // nothing stays, and the log begins anew at `end`
  };
  // On a disk thread, once nothing else is under way; then the follower is told. From here until
  // then the log is out of reach, and a new view waits.
  void cut_log(const LogCut& cut);

  void set_config(std::shared_ptr<const TopicConfig> config);

  // Writes what was appended in this turn now, not at its end. Whoever appended has been told of an
  // error when this returns.
  Result<void> write_staged();

  // Syncs what is not synced yet unless a sync is under way.
  void start_sync();

  // Appends one validated batch after the idempotence rules (KIP-98): a batch that is there already
  // gives the offsets of the first time. All batches of a turn are written together at its end.
  //
  // batch    patched in place; stays until `appended` is called
  // appended called once on this shard when the batch is in the log or never will be; maybe inside
  //          the call
  // Errors   not_leader_or_follower; as ProducerState::check; any I/O code: the log may be offline
  // from here on
  void append(MutableByteView batch, const BatchHeader& header, Appended appended);

  // Calls `done` once the high watermark has reached `end`, or with an error when it never will;
  // maybe inside the call.
  void when_committed(Offset end, Committed done);

  // Reads whole batches from `from` up to the readable end.
  //
  // done     called once on this shard, maybe inside the call
  // Errors   offset_out_of_range, corrupt_batch, any I/O code; not_leader_or_follower while the log
  //          is being cut
  void read(Offset from, const ReadLimits& limits, ReadDone done);

  // Has the fetch woken once, at the next move of the high watermark. Watching twice is once.
  void watch(const FetchWatch& watch);
  void unwatch(const FetchWatch& watch);

  // The first record at or after a time below `end`, or the first with the greatest time. `found`
  // is called once on this shard, later.
  void find_timestamp(Timestamp time, Offset end, TimeFound found);
  void find_max_timestamp(Offset end, TimeFound found);

  // Moves the log start offset up to `offset` (-1: the high watermark); `moved` is called on this
  // shard once that survives a crash.
  //
  // Errors   offset_out_of_range   above the high watermark, or another negative number
  void delete_records(Offset offset, const LogStartMoved& moved);

  void apply_retention(Timestamp now);

  // Forgets its role without a word to anybody; for the end of the shard.
  void drop_role();

  // Runs `task` once no disk thread works on the log.
  void after_cut(Task task);

  // The controller is not heard: if somebody has waited since before `since` for records to be
  // committed, others may have begun to lead. Producers are told to look for them.
  void give_up_if_stuck(Instant since);

  // Ends its role, and all waits with `error`; the partition is about to go away, and its files
  // with it. A sync that is running may fail for that, which then is nobody's loss.
  void abandon(const ErrorCode& error);

 private:
  struct AckWaiter {
    Offset end;
    Committed done;
    Instant since;
  };

  // A batch of this turn, on its way into the log; or one that is there already or will be with
  // those before it.
  struct Staged {
    AppendInfo place;
    Timestamp append_time = kNoTimestamp;
    std::size_t bytes = 0;  // 0: a duplicate
    Appended appended;
  };

  Result<AppendInfo> stage(MutableByteView batch, const BatchHeader& header, Timestamp append_time);
  void plan_end_of_turn();
  void note_written(const std::vector<Staged>& written);
  void plan_sync();
  void begin_sync();
  void note_unsynced(std::int64_t records);
  void plan_next_sync();
  void flush_in_time(std::int64_t ms);
  void flush_is_due();
  bool wants_flush() const;
  void fail_sync(const ErrorCode& error);
  void end_waits(const ErrorCode& error);
  void after_sync(const SyncJob& job, const Result<void>& result, Instant started);
  void watch_for_stall();
  void wake_watches();

  // partition_replica.cc
  void take_role(const PartitionView& view);
  enum class Waits : std::uint8_t { end, stay };
  void end_role(Waits waits);
  void caught_up();
  void begin_cut();
  void run_cut();
  void cut_is_made(const Result<void>& result, std::uint64_t unsynced_before);
  void read_cold(ReadPlan plan, ReadDone done, PartitionRead so_far);
  // What a read met goes to whoever fetches damaged records again.
  void note_damage(const ErrorCode& error);
  static void finish_read(Result<ReadResult> result, PartitionRead& read);
  // Files of segments that were given up go once the checkpoint has the log start.
  void drop_given_up();
  void drop_what_is_checkpointed();
  void remove_dropped_files();

  struct Cutting;

  Shard& shard_;
  const std::string topic_;
  const PartitionKey key_;
  std::shared_ptr<const TopicConfig> config_;
  std::unique_ptr<PartitionLog> log_;
  std::deque<AckWaiter> ack_waiters_;  // in order of `end`
  bool is_stuck_ = false;              // nothing is committed, and the controller is not heard
  std::vector<FetchWatch> watches_;
  std::vector<Staged> staged_;
  bool end_of_turn_planned_ = false;
  bool sync_planned_ = false;
  bool abandoned_ = false;
  bool sync_running_ = false;
  std::uint64_t appends_unsynced_ = 0;
  // Of topics with flush.on.ack=false, since the last sync began.
  std::int64_t records_unsynced_ = 0;
  bool flush_is_late_ = false;  // flush.ms was over while a sync was running
  std::optional<TimerId> flush_timer_;
  std::optional<TimerId> stall_timer_;  // of the sync under way, on a follower

  BrokerId leader_id_ = kNoBroker;
  LeaderEpoch leader_epoch_ = kNoLeaderEpoch;
  std::int32_t partition_epoch_ = -1;  // of the newest view
  std::int64_t incarnation_ = -1;      // of its role
  StreamId last_stream_;               // that it opened as a follower
  bool needs_catch_up_ = false;
  std::unique_ptr<LeaderRole> leader_;
  std::unique_ptr<FollowerRole> follower_;
  std::unique_ptr<Cutting> cut_;
  std::uint64_t cuts_ = 0;
};

}  // namespace strandline
