// Dropping a whole log for an empty one that begins elsewhere.
//
// A marker file decides between before and after: once its name is on the disk the log is the empty
// one, and a start that finds it finishes the work; until then nothing has been touched. It goes,
// for good, before anything is appended, or a later start would drop that as well.
#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"
#include "storage/log/partition_log.h"
#include "storage/producer/snapshot.h"

namespace strandline {

std::string PartitionLog::offset_file(Offset offset, std::string_view suffix) const {
  return directory_ + "/" + offset_file_stem(offset) + std::string{suffix};
}

Result<void> PartitionLog::restart_at(Offset start) {
  if (offline_) return Errc::log_offline;
  STRANDLINE_ASSERT(staged_.empty());
  STRANDLINE_ASSERT(!syncing_);
  const auto marker = disk_.open(offset_file(start, kRestartSuffix), OpenMode::create_or_open);
  if (!marker) return go_offline(marker.error());
  Result<void> done = disk_.sync_directory(directory_);
  if (done) done = begin_anew(start);
  if (!done) return go_offline(done.error());
  return success();
}

Result<void> PartitionLog::begin_anew(Offset start) {
  while (!segments_.empty()) {
    segments_.rbegin()->second->retire();
    STRANDLINE_TRYV(drop_segment(std::prev(segments_.end())));
  }
  STRANDLINE_TRYV(drop_given_up(Offset{INT64_MAX}));
  STRANDLINE_TRYV(remove_producer_snapshots(disk_, directory_, Offset{0}, Offset{INT64_MAX}));
  if (began_ && *began_ != start) {
    STRANDLINE_TRYV(disk_.remove(offset_file(*began_, kBeganSuffix)));
  }
  STRANDLINE_TRY(auto segment, create_segment(start));
  segments_.emplace(start, std::move(segment));
  STRANDLINE_TRYV(disk_.sync_directory(directory_));
  STRANDLINE_TRYV(
      disk_.rename(offset_file(start, kRestartSuffix), offset_file(start, kBeganSuffix)));
  STRANDLINE_TRYV(disk_.sync_directory(directory_));
  directory_unsynced_ = false;
  began_ = start;
  unsynced_.clear();
  unsynced_bytes_ = 0;
  log_start_ = log_end_ = flushed_end_ = high_watermark_ = start;
  epochs_.assign({});
  producers_.clear();
  snapshot_offset_ = Offset{0};
  bytes_since_snapshot_ = 0;
  return success();
}

}  // namespace strandline
