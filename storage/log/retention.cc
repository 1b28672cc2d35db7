// What leaves a log: segments that retention or a client gave up, and tails that a leader
// overruled.
#include <algorithm>

#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"
#include "storage/log/batch_walk.h"
#include "storage/log/partition_log.h"
#include "storage/producer/snapshot.h"

namespace strandline {

// Only the renaming of the .log counts: side files that stay behind go at the next start.
Result<void> PartitionLog::drop_files(const Segment& segment) {
  for (const std::string_view suffix :
       {kLogSuffix, kOffsetIndexSuffix, kTimeIndexSuffix, kArrivalsSuffix, kDigestSuffix}) {
    const std::string path = segment.path(suffix);
    const std::string renamed = path + std::string{kDeletedSuffix};
    const Result<void> done = disk_.rename(path, renamed);
    if (!done && suffix == kLogSuffix) return done.error();
    if (done) dropped_files_.push_back(renamed);
  }
  directory_unsynced_ = true;
  return success();
}

void PartitionLog::forget_segment(Segments::iterator at) {
  std::erase(unsynced_, at->second);
  std::erase_if(sealed_, [&](const SealJob& job) { return job.segment == at->second; });
  segments_.erase(at);
}

Result<void> PartitionLog::drop_segment(Segments::iterator at) {
  STRANDLINE_TRYV(drop_files(*at->second));
  forget_segment(at);
  return success();
}

// Its files stay: a log without them and with a checkpoint that wants them is a damaged one.
void PartitionLog::give_up_first() {
  const auto first = segments_.begin();
  given_up_.push_back({first->second, std::next(first)->first});
  forget_segment(first);
}

Result<void> PartitionLog::drop_given_up(Offset log_start) {
  while (!given_up_.empty() && given_up_.front().end_offset <= log_start) {
    STRANDLINE_TRYV(drop_files(*given_up_.front().segment));
    given_up_.pop_front();
  }
  return success();
}

std::vector<std::string> PartitionLog::take_dropped_files() {
  return std::exchange(dropped_files_, {});
}

void PartitionLog::delete_records(Offset offset) {
  STRANDLINE_ASSERT(offset <= high_watermark_);
  if (offset <= log_start_) return;
  log_start_ = offset;
  while (segments_.size() > 1 && std::next(segments_.begin())->first <= offset) give_up_first();
  epochs_.cut_start(log_start_);
}

bool PartitionLog::is_expired(const Segment& segment, Timestamp now) const {
  if (config_.retention_ms < 0) return false;
  const SegmentTimes times = segment.times();
  // The lesser of record and append time: no producer's clock keeps records alive; and a record
  // from the past is as old as it says.
  Timestamp newest = times.last_append_time;
  if (times.max_timestamp >= Timestamp{0}) newest = std::min(newest, times.max_timestamp);
  return newest != kNoTimestamp && now - newest > config_.retention_ms;
}

void PartitionLog::forget_idle_producers(Timestamp now) {
  if (producers_.expire(now, config_.producer_idle_ms_max) > 0) must_replay_ = !staged_.empty();
}

PartitionLog::Retention PartitionLog::apply_retention(Timestamp now) {
  Retention done;
  if (offline_) return done;
  forget_idle_producers(now);
  const bool old = active().size() > 0 && high_watermark_ == log_end_ &&
                   (is_expired(active(), now) ||
                    now - active().times().first_append_time >= age_ms_max(active()));
  if (old) {
    // On a full disk there is no room for a segment: dropping others makes some.
    if (const Result<void> rolled = roll(); !rolled) done.error = rolled.error();
  }
  if (!config_.delete_old) return done;
  std::uint64_t size = size_bytes();
  while (segments_.size() > 1) {
    const auto oldest = segments_.begin();
    const Offset next = std::next(oldest)->first;
    const std::uint64_t bytes = oldest->second->size();
    const bool too_much = config_.retention_bytes >= 0 &&
                          size - bytes >= static_cast<std::uint64_t>(config_.retention_bytes);
    if (next > high_watermark_ || !(is_expired(*oldest->second, now) || too_much)) break;
    log_start_ = std::max(log_start_, next);
    give_up_first();
    size -= bytes;
    ++done.segments;
    done.bytes += bytes;
  }
  epochs_.cut_start(log_start_);
  return done;
}

Result<void> PartitionLog::truncate_to(Offset end) {
  if (offline_) return Errc::log_offline;
  STRANDLINE_ASSERT(staged_.empty());
  if (end == log_end_) epochs_.cut_end(end);
  if (end >= log_end_) return success();
  STRANDLINE_ASSERT(end >= log_start_);
  const Result<void> cut = cut_segments(end);
  if (!cut) return go_offline(cut.error());
  log_start_ = std::min(log_start_, log_end_);  // it may lie inside a batch that went
  epochs_.cut_end(log_end_);
  flushed_end_ = std::min(flushed_end_, log_end_);
  high_watermark_ = std::min(high_watermark_, log_end_);
  sync_covers_ = std::min(sync_covers_, log_end_);
  snapshot_offset_ = std::min(snapshot_offset_, log_end_);
  const Result<void> replayed = replay_producers();
  if (!replayed) return go_offline(replayed.error());
  return success();
}

Result<void> PartitionLog::cut_segments(Offset end) {
  while (segments_.size() > 1 && segments_.rbegin()->first >= end) {
    segments_.rbegin()->second->retire();
    STRANDLINE_TRYV(drop_segment(std::prev(segments_.end())));
  }
  // Else a power loss could bring dropped segments back, amid what is appended from here on.
  if (directory_unsynced_) {
    STRANDLINE_TRYV(disk_.sync_directory(directory_));
    directory_unsynced_ = false;
  }
  const std::shared_ptr<Segment> old = segments_.rbegin()->second;
  old->retire();
  STRANDLINE_TRYV(old->write_indexes());
  const std::uint64_t size = old->size();
  // Plans that are still carried out keep the old one, and with it what it knows of positions.
  auto kept = std::make_shared<Segment>(disk_, directory_, old->base_offset(), old->file(), size,
                                        reporter_);
  STRANDLINE_TRY(const BatchPlace place, kept->restore(end, size, old->times().last_append_time,
                                                       config_.index_interval_bytes));
  // It would vouch for whatever makes the file that long again.
  STRANDLINE_TRYV(disk_.remove(kept->path(kDigestSuffix)));
  std::erase_if(sealed_, [&](const SealJob& job) { return job.segment == old; });
  STRANDLINE_TRYV(kept->cut_rest());
  std::erase(unsynced_, old);
  unsynced_.push_back(kept);
  segments_.rbegin()->second = std::move(kept);
  log_end_ = place.offset;
  // A snapshot of what is gone must not be found again when other records have these offsets; nor
  // may the records come back behind a segment that is sealed by then.
  STRANDLINE_TRYV(remove_producer_snapshots(disk_, directory_, log_end_ + 1, Offset{INT64_MAX}));
  STRANDLINE_TRYV(old->file()->sync());
  return disk_.sync_directory(directory_);
}

Result<void> PartitionLog::replay_producers() {
  producers_.clear();
  STRANDLINE_TRY(const SnapshotSearch search,
                 newest_producer_snapshot(disk_, directory_, log_end_));
  for (const std::string& path : search.damaged) reporter_.rebuilt(path, "damaged");
  // Also what lies below the log start says which sequence a producer sends next, as long as it is
  // there. A snapshot that does not reach to the first segment would leave a gap in what producers
  // sent: they are then known by the segments alone.
  Offset from = segments_.begin()->first;
  if (search.found && search.found->next_offset >= from) {
    producers_.restore(*search.found);
    from = search.found->next_offset;
    snapshot_offset_ = search.found->next_offset;
  }
  for (const auto& [base, segment] : segments_) {
    const auto next = segments_.upper_bound(base);
    const Offset end = next == segments_.end() ? log_end_ : next->first;
    if (end > from) {
      STRANDLINE_TRYV(replay_producers_of(*segment, from, end));
    }
  }
  return success();
}

Result<void> PartitionLog::replay_producers_of(Segment& segment, Offset from, Offset end) {
  if (segment.size() == 0) return success();
  STRANDLINE_TRY(const BatchPlace near,
                 segment.place_before(std::max(from, segment.base_offset()), ReadMode::blocking));
  BatchWalk walk{segment.file(),
                 {near.position, segment.size(), near.offset, segment.base_offset()},
                 ReadMode::blocking};
  for (;;) {
    const auto more = walk.next();
    if (!more && more.error() == Errc::corrupt_batch) {
      reporter_.damaged(walk.damage());
      return Errc::corrupt_file;
    }
    if (!more) return more.error();
    if (!more.value()) break;
    const BatchHeader& header = walk.header();
    if (header.base_offset < from || !header.has_producer()) continue;
    // Of a turned bit a producer would hear that it is fenced, or has left something out.
    if (!producers_.continues(header)) {
      STRANDLINE_TRY(const bool is_intact, walk.is_intact());
      if (!is_intact) {
        reporter_.damaged(walk.damage());
        return Errc::corrupt_file;
      }
    }
    producers_.update(header, segment.append_time_of(header.base_offset));
  }
  if (walk.next_offset() >= end) return success();
  segment.report_early_end({walk.end_position(), walk.next_offset()}, end);
  return Errc::corrupt_file;
}

}  // namespace strandline
