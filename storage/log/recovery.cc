// Opening a log: what is on the disk decides, not what is in the cache, and nothing below the
// recovery point is ever cut.
#include <algorithm>
#include <string_view>

#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"
#include "storage/log/batch_walk.h"
#include "storage/log/partition_log.h"
#include "storage/producer/snapshot.h"

namespace strandline {

class LogRecovery {
 public:
  LogRecovery(PartitionLog& log, const RecoveryPoint& point, Timestamp now)
      : log_(log), point_(point), now_(now) {}

  Result<void> run() {
    STRANDLINE_TRYV(find_segments());
    if (log_.segments_.empty()) return start_empty();
    take_checkpoint();
    for (auto& [base, segment] : log_.segments_) {
      STRANDLINE_TRYV(recover_segment(*segment));
    }
    STRANDLINE_TRYV(finish());
    return log_.replay_producers();
  }

 private:
  struct Scan {
    std::uint64_t position = 0;  // behind the last good batch
    Offset next{};               // offset the next batch will have
    bool torn = false;           // what follows is no good batch
  };

  Result<void> find_segments();
  Result<void> add_segment(std::string_view stem);
  Result<void> start_empty();
  void take_checkpoint();
  Result<void> recover_segment(Segment& segment);
  Result<Scan> begin_scan(Segment& segment, Offset from);
  Result<void> scan_from(Segment& segment, Scan& scan);
  Result<bool> is_good(BatchWalk& walk, const BatchHeader& header, Offset expected) const;
  Result<void> cut_tail(Segment& segment, const Scan& scan);
  Result<void> finish();

  PartitionLog& log_;
  const RecoveryPoint& point_;
  const Timestamp now_;
  Offset safe_end_{0};  // below it nothing may be missing
  bool cut_ = false;
};

Result<void> LogRecovery::find_segments() {
  STRANDLINE_TRY(const std::vector<std::string> names, log_.disk_.list(log_.directory_));
  for (const std::string& name : names) {
    const std::string path = log_.directory_ + "/" + name;
    if (name.ends_with(kDeletedSuffix)) {
      STRANDLINE_TRYV(log_.disk_.remove(path));
    } else if (name.ends_with(kLogSuffix)) {
      STRANDLINE_TRYV(
          add_segment(std::string_view{name}.substr(0, name.size() - kLogSuffix.size())));
    }
  }
  return success();
}

Result<void> LogRecovery::add_segment(std::string_view stem) {
  std::int64_t base = 0;
  for (const char c : stem) {
    if (c < '0' || c > '9' || base > INT64_MAX / 10 - 10) return success();  // not ours
    base = base * 10 + (c - '0');
  }
  if (offset_file_stem(Offset{base}) != stem) return success();
  const std::string path = log_.directory_ + "/" + std::string{stem} + std::string{kLogSuffix};
  STRANDLINE_TRY(auto file, log_.disk_.open(path, OpenMode::read_write));
  STRANDLINE_TRY(const std::uint64_t size, file->size());
  auto segment = std::make_shared<Segment>(log_.disk_, log_.directory_, Offset{base},
                                           std::move(file), size, log_.reporter_);
  log_.segments_.emplace(Offset{base}, std::move(segment));
  return success();
}

Result<void> LogRecovery::start_empty() {
  // A log that had records and has no segments was not left so by us.
  if (point_.known && point_.state.flushed_end > point_.state.log_start) {
    log_.reporter_.damaged(
        {.file = log_.directory_,
         .offset = point_.state.log_start,
         .expected = "segments up to offset " + std::to_string(point_.state.flushed_end.value()),
         .found = "none"});
    return Errc::corrupt_file;
  }
  const Offset start = point_.known ? point_.state.log_start : Offset{0};
  log_.log_start_ = log_.log_end_ = log_.flushed_end_ = log_.high_watermark_ = start;
  if (point_.known) log_.epochs_.assign(point_.state.epochs);
  STRANDLINE_TRY(auto segment, log_.create_segment(start));
  log_.segments_.emplace(start, std::move(segment));
  return success();
}

void LogRecovery::take_checkpoint() {
  const Offset first = log_.segments_.begin()->first;
  log_.log_start_ = first;
  if (!point_.known) return;
  safe_end_ = point_.state.flushed_end;
  log_.log_start_ = std::max(first, point_.state.log_start);
  log_.epochs_.assign(point_.state.epochs);
}

Result<void> LogRecovery::recover_segment(Segment& segment) {
  const auto next = log_.segments_.upper_bound(segment.base_offset());
  const bool last = next == log_.segments_.end();
  const Offset end = last ? Offset{INT64_MAX} : next->first;
  STRANDLINE_TRY(const Offset times_known, segment.load_times(now_));
  log_.log_end_ = segment.base_offset();
  // A sealed segment that was synced before the recovery point: its index files were written with
  // it, and its batches are checked when they are first read.
  if (!last && end <= safe_end_ && times_known >= end) {
    log_.log_end_ = end;
    return success();
  }
  STRANDLINE_TRYV(segment.file()->sync());
  const Offset from = std::min({safe_end_, times_known, end});
  STRANDLINE_TRY(Scan scan, begin_scan(segment, std::max(from, segment.base_offset())));
  segment.file()->drop_cache(scan.position, segment.size() - scan.position);
  STRANDLINE_TRYV(scan_from(segment, scan));
  log_.log_end_ = last ? scan.next : std::max(scan.next, segment.base_offset());
  if (!scan.torn) {
    if (!last) log_.log_end_ = end;
    return success();
  }
  if (scan.next < safe_end_ || !last) {
    log_.reporter_.damaged({.file = segment.path(kLogSuffix),
                            .position = scan.position,
                            .offset = scan.next,
                            .expected = "a good batch (synced before the crash up to offset " +
                                        std::to_string(safe_end_.value()) + ")",
                            .found = "damaged bytes"});
    return Errc::corrupt_file;
  }
  return cut_tail(segment, scan);
}

// Finds the batch that begins at `from`, by the index when it can be trusted.
Result<LogRecovery::Scan> LogRecovery::begin_scan(Segment& segment, Offset from) {
  STRANDLINE_TRY(const std::uint64_t hint, segment.position_before(from, ReadMode::blocking));
  const std::uint64_t file_end = segment.size();
  for (const std::uint64_t start : {hint, std::uint64_t{0}}) {
    Scan scan{.position = start, .next = segment.base_offset()};
    BatchWalk walk{segment.file(), start, file_end, ReadMode::blocking};
    BatchHeader header;
    Offset expected = start == 0 ? segment.base_offset() : kNoOffset;
    while (scan.next < from) {
      const auto more = walk.read(header);
      if (!more && more.error() != Errc::corrupt_batch) return more.error();
      if (!more || !more.value() || header.base_offset < expected) break;
      walk.advance(header);
      scan.position = walk.position();
      scan.next = expected = header.next_offset();
    }
    // An index row that points into the middle of nowhere: once more from the start.
    if (scan.next >= from || start == 0) {
      segment.rewind(scan.position, scan.next);
      return scan;
    }
  }
  STRANDLINE_ASSERT(false);
}

Result<bool> LogRecovery::is_good(BatchWalk& walk, const BatchHeader& header,
                                  Offset expected) const {
  if (header.base_offset < expected || header.last_offset_delta < 0) return false;
  if (header.leader_epoch < log_.epochs_.latest()) return false;
  STRANDLINE_TRY(const ByteView batch, walk.batch(header));
  return batch_crc_matches(batch);
}

Result<void> LogRecovery::scan_from(Segment& segment, Scan& scan) {
  STRANDLINE_TRY(const std::uint64_t file_end, segment.file()->size());
  const Timestamp appended =
      std::max(segment.times().last_append_time, segment.times().first_append_time);
  const Timestamp time = appended == kNoTimestamp ? now_ : appended;
  BatchWalk walk{segment.file(), scan.position, file_end, ReadMode::blocking};
  BatchHeader header;
  for (;;) {
    const auto more = walk.read(header);
    if (!more && more.error() != Errc::corrupt_batch) return more.error();
    if (!more) break;
    if (!more.value()) return success();
    STRANDLINE_TRY(const bool good, is_good(walk, header, scan.next));
    if (!good) break;
    segment.recovered(header, time, log_.config_.index_interval_bytes);
    log_.epochs_.on_batch(header.leader_epoch, header.base_offset);
    walk.advance(header);
    scan.position = walk.position();
    scan.next = header.next_offset();
  }
  scan.torn = true;
  return success();
}

// Keeps what is cut: whoever looks into a loss wants to see the bytes.
Result<void> LogRecovery::cut_tail(Segment& segment, const Scan& scan) {
  STRANDLINE_TRY(const std::uint64_t file_end, segment.file()->size());
  std::vector<std::byte> tail(static_cast<std::size_t>(
      std::min<std::uint64_t>(file_end - scan.position, std::uint64_t{64} << 20)));
  STRANDLINE_TRY(const std::size_t got, segment.file()->read_at(scan.position, tail));
  tail.resize(got);
  std::string saved;
  const bool zeros =
      std::all_of(tail.begin(), tail.end(), [](std::byte b) { return b == std::byte{0}; });
  if (!zeros) {
    saved = segment.path(".cut-" + std::to_string(now_.value()));
    STRANDLINE_TRY(const auto copy, log_.disk_.open(saved, OpenMode::create_or_open));
    STRANDLINE_TRYV(copy->write_at(0, ByteView{tail}));
    STRANDLINE_TRYV(copy->sync());
    log_.directory_unsynced_ = true;
  }
  STRANDLINE_TRYV(segment.cut(scan.position, scan.next));
  STRANDLINE_TRYV(segment.file()->sync());
  log_.reporter_.cut(segment.path(kLogSuffix), scan.position, file_end - scan.position, saved);
  cut_ = true;
  return success();
}

Result<void> LogRecovery::finish() {
  if (log_.log_end_ < safe_end_) {
    log_.reporter_.damaged({.file = log_.active().path(kLogSuffix),
                            .position = log_.active().size(),
                            .offset = log_.log_end_,
                            .expected = "records up to offset " + std::to_string(safe_end_.value()),
                            .found = "the end of the file"});
    return Errc::corrupt_file;
  }
  log_.log_start_ = std::min(log_.log_start_, log_.log_end_);
  log_.epochs_.cut_end(log_.log_end_);
  log_.epochs_.cut_start(log_.log_start_);
  // Every segment that was scanned was synced before; the names in the directory are next.
  STRANDLINE_TRYV(log_.disk_.sync_directory(log_.directory_));
  log_.directory_unsynced_ = false;
  log_.flushed_end_ = log_.log_end_;
  const Offset known = point_.known ? point_.state.high_watermark : Offset{0};
  log_.high_watermark_ = std::clamp(known, log_.log_start_, log_.log_end_);
  return success();
}

Result<std::unique_ptr<PartitionLog>> PartitionLog::open(Disk& disk, std::string directory,
                                                         const LogConfig& config,
                                                         const RecoveryPoint& point, Timestamp now,
                                                         DamageReporter& reporter) {
  std::unique_ptr<PartitionLog> log{new PartitionLog{disk, std::move(directory), config, reporter}};
  STRANDLINE_TRYV(LogRecovery{*log, point, now}.run());
  log->assert_invariants();
  return log;
}

Result<void> PartitionLog::replay_producers() {
  producers_.clear();
  STRANDLINE_TRY(const SnapshotSearch search,
                 newest_producer_snapshot(disk_, directory_, log_end_));
  for (const std::string& path : search.damaged) reporter_.rebuilt(path, "damaged");
  Offset from = log_start_;
  if (search.found) {
    producers_.restore(*search.found);
    from = std::max(from, search.found->next_offset);
    snapshot_offset_ = search.found->next_offset;
  }
  for (const auto& [base, segment] : segments_) {
    const auto next = segments_.upper_bound(base);
    if (next != segments_.end() && next->first <= from) continue;
    STRANDLINE_TRY(const std::uint64_t start, segment->position_before(from, ReadMode::blocking));
    BatchWalk walk{segment->file(), start, segment->size(), ReadMode::blocking};
    BatchHeader header;
    for (;;) {
      STRANDLINE_TRY(const bool more, walk.read(header));
      if (!more) break;
      if (header.base_offset >= from && header.has_producer()) {
        producers_.update(header, segment->append_time_of(header.base_offset));
      }
      walk.advance(header);
    }
  }
  return success();
}

}  // namespace strandline
