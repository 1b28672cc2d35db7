// The log of one partition on this broker: segments in a directory of their own, the newest of
// which is written. Formats: docs/formats/segment.md, docs/formats/indexes.md
//
// Offsets: log start <= high watermark <= log end, and flushed end <= log end. What lies below the
// flushed end survives a power loss.
//
// A failed sync takes the log offline until it is opened again: what is in the file is then not
// known (the kernel may have dropped the pages), and recovery has to find out. A failed write is
// cut off again and the log goes on; only when that fails as well is it offline.
//
// Thread   one owner at a time; ReadPlans, TimePlans and SyncJobs are carried out by any thread
// Owns     the segments; the destructor closes files, it does not sync
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/clock.h"
#include "protocol/base/ids.h"
#include "protocol/base/result.h"
#include "protocol/record/batch.h"
#include "storage/io/disk.h"
#include "storage/log/digest.h"
#include "storage/log/epoch_cache.h"
#include "storage/log/log_types.h"
#include "storage/log/read_plan.h"
#include "storage/log/segment.h"
#include "storage/producer/producer_state.h"

namespace strandline {

// A file "<offset in 20 digits>.restart" in a log's directory: whatever else is there, the log is
// empty and begins at that offset. See PartitionLog::restart_at.
inline constexpr std::string_view kRestartSuffix = ".restart";
// A file "<offset in 20 digits>.began": the log has begun anew at that offset, also where an older
// checkpoint knows of lower ones.
inline constexpr std::string_view kBeganSuffix = ".began";
// An empty file of this name: the tail was cut, and not everybody who has to know it does.
inline constexpr std::string_view kTailCutFile = "tail-cut";

class PartitionLog {
 public:
  // Opens the log in `directory`, which exists, and recovers it: syncs, drops cached pages beyond
  // the recovery point, and scans from there. A torn tail beyond it is copied to a .cut file and
  // cut. Waits for the disk.
  //
  // disk, reporter   outlive the log
  // Errors   corrupt_file   records below the recovery point are damaged or missing: nothing was
  // cut
  //          any I/O code
  static Result<std::unique_ptr<PartitionLog>> open(Disk& disk, std::string directory,
                                                    const LogConfig& config,
                                                    const RecoveryPoint& point, Timestamp now,
                                                    DamageReporter& reporter);
  ~PartitionLog();

  const std::string& directory() const { return directory_; }
  Offset log_start_offset() const { return log_start_; }
  // Where the oldest segment begins, at or below the log start. A batch begins there, or the log is
  // empty.
  Offset first_batch_offset() const { return segments_.begin()->first; }
  Offset log_end_offset() const { return log_end_; }
  // Where the newest segment begins; all before it are sealed.
  Offset sealed_end() const { return segments_.rbegin()->first; }
  Offset flushed_end() const { return flushed_end_; }
  Offset high_watermark() const { return high_watermark_; }
  // Readers of committed transactions stop here: where the oldest open transaction begins.
  Offset last_stable_offset() const;
  bool is_offline() const { return offline_; }
  // Opening it, this time or another, cut records off that were not whole, and forget_cut() was not
  // called since.
  bool tail_was_cut() const { return tail_was_cut_; }
  // Whoever has to know of the cut does. Waits for the disk; any thread.
  static Result<void> forget_cut(Disk& disk, const std::string& directory);
  std::uint64_t size_bytes() const;
  // Of the records in its segments; kNoTimestamp: there are none, or none has a time.
  Timestamp highest_event_time() const;
  bool has_staged() const { return !staged_.empty(); }
  std::size_t segment_count() const { return segments_.size(); }
  std::uint64_t unsynced_bytes() const { return unsynced_bytes_; }

  // Never falls, never beyond the log end.
  void set_high_watermark(Offset high_watermark);
  void set_config(const LogConfig& config);

  // The rules of KIP-98 for a batch that wants to be appended; see ProducerState::check.
  Result<ProducerCheck> check_producer(const BatchHeader& header) const {
    return producers_.check(header);
  }

  // Gives one batch its place at the end: its offset and epoch are set in it, and the next check
  // of its producer knows it. write_staged() writes it, together with all that were staged since
  // the last time; until then it lies beyond the log end. Rolls first when the segment is full or
  // too old.
  //
  // batch    one whole validated batch that stays as it is until then; header is its header
  // Needs    nothing staged when must_roll()
  // Errors   log_offline            an earlier write or sync failed
  //          fenced_leader_epoch    the epoch is older than the latest in the log
  //          any I/O code           it could not roll; nothing has changed
  Result<AppendInfo> stage_as_leader(MutableByteView batch, BatchHeader header, LeaderEpoch epoch,
                                     Timestamp append_time);

  // Whether a batch with this header begins a new segment.
  bool must_roll(const BatchHeader& header, Timestamp now) const;

  // Writes what is staged, to the page cache: durable after a sync. Nothing staged: does nothing.
  //
  // Errors   log_offline    an earlier write or sync failed
  //          any I/O code   nothing of it is in the log, and producers are what they were; or the
  //          log
  //                         is offline now
  Result<void> write_staged();

  // Stages one batch and writes it.
  Result<AppendInfo> append_as_leader(MutableByteView batch, const BatchHeader& header,
                                      LeaderEpoch epoch, Timestamp append_time);

  // Stages a leader's batch as it is. Its base offset is where the log ends with what is staged.
  // Segments end where the leader's do, so that they are the same on both.
  //
  // begins_segment   the leader rolled before this batch
  // Needs    nothing staged when follower_must_roll()
  // Errors   as stage_as_leader(); offset_out_of_range when the base offset is another
  Result<AppendInfo> stage_as_follower(ByteView batch, const BatchHeader& header,
                                       Timestamp append_time, bool begins_segment);
  bool follower_must_roll(const BatchHeader& header, bool begins_segment) const;

  // Stages one batch and writes it.
  Result<AppendInfo> append_as_follower(ByteView batch, const BatchHeader& header,
                                        Timestamp append_time, bool begins_segment);

  // Plans a read of [from, end). Needs log_start_offset() <= from.
  ReadPlan plan_read(Offset from, Offset end, std::uint64_t bytes_max, bool at_least_one) const;

  // Plans the search for a time, or for the greatest time, in [log start, end).
  TimePlan plan_time_search(Timestamp time, Offset end) const;

  // What has to be synced to make everything appended so far durable; none when all is. One job at
  // a time.
  std::optional<SyncJob> begin_sync();
  // Needs the job of the last begin_sync(), carried out.
  void finish_sync(const SyncJob& job, const Result<void>& result);

  EpochEndOffset epoch_end_offset(LeaderEpoch epoch) const {
    return epochs_.end_of(epoch, log_end_);
  }
  const EpochCache& epochs() const { return epochs_; }
  std::vector<ProducerEntry> producers() const { return producers_.describe(); }
  std::uint64_t producers_dropped() const { return producers_.dropped(); }

  // Moves the log start offset up; whole segments below it are given up. Lower ones change nothing.
  //
  // Needs    offset <= high watermark
  void delete_records(Offset offset);

  // Drops everything from `end` on (from the start of a batch that holds it; the log start goes
  // along when it lies in that batch), and takes producers back to what they were there. Epochs
  // that begin at `end` or beyond are gone: at the log end, those that have no records. Waits for
  // the disk.
  //
  // Needs    end >= log start; nothing staged; a checkpoint whose flushed end is not above it is on
  // the disk Errors   any I/O code: the log is offline now
  Result<void> truncate_to(Offset end);

  // Drops everything and begins an empty log at `start`, which may lie anywhere. After a crash at
  // any point the log is either what it was or begins at `start`. Waits for the disk.
  //
  // Needs    nothing staged, no sync under way; a checkpoint whose flushed end is not above `start`
  //          is on the disk
  // Errors   any I/O code: the log is offline now
  Result<void> restart_at(Offset start);

  struct Retention {
    std::size_t segments = 0;
    std::uint64_t bytes = 0;
    ErrorCode error;  // of what could not be done, this time; none: all was
  };
  // Gives up segments that retention.ms or retention.bytes no longer keep, rolls a segment that is
  // too old, and forgets idle producers. Records at or above the high watermark always stay. What
  // can go goes also when there is no room to roll.
  Retention apply_retention(Timestamp now);
  // What is left of it for a log that another one leads: that one rolls, and says what goes.
  void forget_idle_producers(Timestamp now);

  // Drops the files of segments that were given up and end at or below `log_start`. Until then they
  // have their names: a segment that is missing above the checkpoint's log start is damage.
  //
  // Needs    a checkpoint with this log start, or a higher one, is on the disk; unless the log is
  //          never opened with an exact one
  // Errors   any I/O code: the files are there, and the next call drops them
  Result<void> drop_given_up(Offset log_start);
  bool has_given_up() const { return !given_up_.empty(); }

  // Files that were dropped and may be removed now; readers that hold them finish undisturbed.
  std::vector<std::string> take_dropped_files();

  // What the checkpoint is to know, as of what is flushed.
  PartitionCheckpoint checkpoint() const;

  // True when recovery would have to replay much to know its producers.
  bool wants_producer_snapshot() const;
  // The state at the log end, to be written by write_producer_snapshot(); then tell the log.
  //
  // Needs    nothing staged
  ProducerSnapshot producer_snapshot() const;
  void producer_snapshot_written(Offset next_offset);

  // A term of this leader begins, at the log end; also when nothing is ever appended in it.
  void on_new_leader_epoch(LeaderEpoch epoch);

  // Segments that were sealed since the last call; run() each on a thread that may wait. One that
  // is never run costs a longer scan when the checkpoint is lost.
  std::vector<SealJob> take_seal_jobs();

  // Brings index files up to date; they are not synced, as they can be made again.
  Result<void> write_indexes();

  void assert_invariants() const;

 private:
  friend class LogRecovery;
  using Segments = std::map<Offset, std::shared_ptr<Segment>>;

  PartitionLog(Disk& disk, std::string directory, const LogConfig& config,
               DamageReporter& reporter);

  Result<AppendInfo> stage(ByteView batch, const BatchHeader& header, Timestamp append_time,
                           bool rolls);
  // Whether the formats of segment and indexes have no room for it.
  bool exceeds_segment(const BatchHeader& header) const;
  void stage_producer(const BatchHeader& header, Timestamp append_time);
  void forget_staged();
  void drop_staged();
  // Takes producers back to what they were before anything was staged.
  Result<void> take_producers_back();
  // How old a segment may become: segment.ms less its jitter, the same after each restart.
  std::int64_t age_ms_max(const Segment& segment) const;
  Result<void> roll();
  Result<std::shared_ptr<Segment>> create_segment(Offset base_offset);
  Result<void> drop_files(const Segment& segment);
  void forget_segment(Segments::iterator at);
  Result<void> drop_segment(Segments::iterator at);
  void give_up_first();
  Result<void> cut_segments(Offset end);
  Result<void> begin_anew(Offset start);
  std::string offset_file(Offset offset, std::string_view suffix) const;
  Result<void> go_offline(const ErrorCode& error);
  Segment& active() const { return *segments_.rbegin()->second; }
  bool is_expired(const Segment& segment, Timestamp now) const;
  // Takes producers to what they are at the log end: newest snapshot, then the batches behind it.
  Result<void> replay_producers();
  Result<void> replay_producers_of(Segment& segment, Offset from, Offset end);

  Disk& disk_;
  const std::string directory_;
  LogConfig config_;
  DamageReporter& reporter_;
  Segments segments_;  // never empty once open
  Offset log_start_{0};
  Offset log_end_{0};
  Offset flushed_end_{0};
  Offset high_watermark_{0};
  EpochCache epochs_;
  ProducerState producers_;
  Offset snapshot_offset_{0};  // of the newest producer snapshot
  std::uint64_t bytes_since_snapshot_ = 0;
  std::vector<StagedBatch> staged_;  // their offsets go on from the log end
  std::uint64_t staged_bytes_ = 0;
  std::vector<ProducerState::Before> producers_before_;  // of those staged; oldest first
  bool must_replay_ = false;                             // that is not all that has changed
  std::vector<std::shared_ptr<Segment>> unsynced_;       // written since the last sync began
  std::uint64_t unsynced_bytes_ = 0;
  bool directory_unsynced_ = false;
  bool syncing_ = false;
  bool offline_ = false;
  bool tail_was_cut_ = false;
  Offset sync_covers_{0};  // of the sync under way, unless a truncation lowered it
  std::vector<SealJob> sealed_;
  struct GivenUp {
    std::shared_ptr<Segment> segment;
    Offset end_offset;
  };
  std::deque<GivenUp> given_up_;  // by offset; not dropped yet
  std::vector<std::string> dropped_files_;
  std::optional<Offset> began_;  // the log has begun anew there: there is a file that says so
};

}  // namespace strandline
