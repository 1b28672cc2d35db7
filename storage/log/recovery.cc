#include "storage/log/recovery.h"

#include <algorithm>
#include <set>
#include <utility>

#include "protocol/base/errc.h"
#include "storage/log/batch_walk.h"
#include "storage/log/digest.h"
#include "storage/producer/snapshot.h"

namespace strandline {
namespace {

constexpr std::size_t kCopyBytes = std::size_t{1} << 20;
constexpr std::string_view kSideSuffixes[] = {kOffsetIndexSuffix, kTimeIndexSuffix, kArrivalsSuffix,
                                              kDigestSuffix};

// The offset in "<20 digits><suffix>"; none for other names.
std::optional<Offset> offset_in_name(std::string_view name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return std::nullopt;
  const std::string_view stem = name.substr(0, name.size() - suffix.size());
  std::int64_t base = 0;
  for (const char c : stem) {
    if (c < '0' || c > '9' || base > INT64_MAX / 10 - 10) return std::nullopt;
    base = base * 10 + (c - '0');
  }
  if (offset_file_stem(Offset{base}) != stem) return std::nullopt;
  return Offset{base};
}

}  // namespace

Result<void> LogRecovery::run() {
  STRANDLINE_TRYV(find_segments());
  if (restart_.has_value()) return log_.begin_anew(*restart_);
  if (log_.segments_.empty()) return start_empty();
  STRANDLINE_TRYV(take_checkpoint());
  STRANDLINE_TRYV(recover_all());
  const bool below_start = log_.log_end_ < log_.log_start_;
  if (below_start && log_.log_end_ >= safe_end_) return start_anew();
  STRANDLINE_TRYV(finish());
  return log_.replay_producers();
}

ErrorCode LogRecovery::damaged(Damage damage) {
  log_.reporter_.damaged(damage);
  return Errc::corrupt_file;
}

Result<void> LogRecovery::find_segments() {
  STRANDLINE_TRY(const std::vector<std::string> names, log_.disk_.list(log_.directory_));
  for (const std::string& name : names) {
    if (const auto base = offset_in_name(name, kLogSuffix)) {
      STRANDLINE_TRYV(add_segment(*base));
    }
    if (const auto start = offset_in_name(name, kRestartSuffix)) restart_ = start;
    if (const auto start = offset_in_name(name, kBeganSuffix)) log_.began_ = start;
    if (name == kTailCutFile) log_.tail_was_cut_ = true;
  }
  return remove_leftovers(names);
}

Result<void> LogRecovery::add_segment(Offset base_offset) {
  const std::string path =
      log_.directory_ + "/" + offset_file_stem(base_offset) + std::string{kLogSuffix};
  STRANDLINE_TRY(auto file, log_.disk_.open(path, OpenMode::read_write));
  STRANDLINE_TRY(const std::uint64_t size, file->size());
  log_.segments_.emplace(base_offset,
                         std::make_shared<Segment>(log_.disk_, log_.directory_, base_offset,
                                                   std::move(file), size, log_.reporter_));
  return success();
}

// Files of dropped segments, also those whose renaming a crash interrupted.
Result<void> LogRecovery::remove_leftovers(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    bool leftover = name.ends_with(kDeletedSuffix);
    for (const std::string_view suffix : kSideSuffixes) {
      const auto base = offset_in_name(name, suffix);
      leftover = leftover || (base && !log_.segments_.contains(*base));
    }
    if (leftover) {
      STRANDLINE_TRYV(log_.disk_.remove(log_.directory_ + "/" + name));
    }
  }
  return success();
}

Result<void> LogRecovery::start_empty() {
  // A log that had records and has no segments was not left so by us.
  if (point_.known && point_.state.flushed_end > point_.state.log_start) {
    return damaged(
        {.file = log_.directory_,
         .offset = point_.state.log_start,
         .expected = "segments up to offset " + std::to_string(point_.state.flushed_end.value()),
         .found = "none"});
  }
  const Offset start = point_.known ? point_.state.log_start : Offset{0};
  log_.log_start_ = log_.log_end_ = log_.flushed_end_ = log_.high_watermark_ = start;
  if (point_.known) log_.epochs_.assign(point_.state.epochs);
  log_.epochs_.cut_end(start);
  log_.epochs_.cut_start(start);
  STRANDLINE_TRYV(
      remove_producer_snapshots(log_.disk_, log_.directory_, Offset{0}, Offset{INT64_MAX}));
  STRANDLINE_TRY(auto segment, log_.create_segment(start));
  log_.segments_.emplace(start, std::move(segment));
  return success();
}

// Records that were deleted before they were ever synced are gone, and others with them: the log
// goes on at its start, which readers know. Below it offsets would be given out a second time, and
// what is appended there would be taken for deleted by the next start.
Result<void> LogRecovery::start_anew() {
  const Offset start = log_.log_start_;
  if (log_.began_ && *log_.began_ != start) {
    STRANDLINE_TRYV(log_.disk_.remove(log_.offset_file(*log_.began_, kBeganSuffix)));
  }
  STRANDLINE_TRYV(log_.disk_.open(log_.offset_file(start, kBeganSuffix), OpenMode::create_or_open));
  STRANDLINE_TRYV(log_.disk_.sync_directory(log_.directory_));
  log_.began_ = start;
  while (!log_.segments_.empty()) {
    STRANDLINE_TRYV(log_.drop_segment(std::prev(log_.segments_.end())));
  }
  return start_empty();
}

Result<void> LogRecovery::take_checkpoint() {
  if (!point_.known) {
    log_.log_start_ = log_.segments_.begin()->first;
    return trust_digests();
  }
  // The files stay until a checkpoint of this process is on the disk: the one that was read may be
  // gone with the next power loss, where its sync had failed.
  while (log_.segments_.size() > 1 &&
         std::next(log_.segments_.begin())->first <= point_.state.log_start) {
    log_.give_up_first();
  }
  const Offset first = log_.segments_.begin()->first;
  if (first > point_.state.log_start && point_.log_start_is_exact && log_.began_ != first) {
    return damaged({.file = log_.directory_,
                    .offset = point_.state.log_start,
                    .expected = "segments from offset " +
                                std::to_string(point_.state.log_start.value()) + " on",
                    .found = "the first begins at offset " + std::to_string(first.value())});
  }
  // Retention, or a log that began anew, may have got further than the checkpoint knew.
  safe_end_ = std::max(point_.state.flushed_end, first);
  log_.log_start_ = std::max(first, point_.state.log_start);
  log_.epochs_.assign(point_.state.epochs);
  // Terms that begin beyond are found again in their batches, if those are still there.
  log_.epochs_.cut_end(safe_end_);
  return success();
}

// Without a checkpoint: sealed segments from the first on that have a good digest are safe.
Result<void> LogRecovery::trust_digests() {
  for (auto at = log_.segments_.begin(); std::next(at) != log_.segments_.end(); ++at) {
    Segment& segment = *at->second;
    const auto digest = read_digest(segment);
    const bool good = digest && digest.value().log_bytes == segment.size() &&
                      digest.value().end_offset == std::next(at)->first;
    if (!good) break;
    safe_end_ = std::next(at)->first;
    STRANDLINE_TRYV(walk_epochs(segment));
  }
  return success();
}

Result<void> LogRecovery::walk_epochs(Segment& segment) {
  BatchWalk walk{
      segment.file(), {.end = segment.size(), .offset = segment.base_offset()}, ReadMode::blocking};
  for (;;) {
    const auto more = walk.next();
    if (!more && more.error() == Errc::corrupt_batch) return damaged(walk.damage());
    if (!more) return more.error();
    if (!more.value()) return success();
    log_.epochs_.on_batch(walk.header().leader_epoch, walk.header().base_offset);
  }
}

Result<void> LogRecovery::recover_all() {
  for (auto at = log_.segments_.begin(); at != log_.segments_.end(); ++at) {
    const auto next = std::next(at);
    const bool sealed = next != log_.segments_.end();
    const Offset end = sealed ? next->first : Offset{INT64_MAX};
    if (sealed && end <= safe_end_) {
      STRANDLINE_TRY(const bool taken, take_as_it_is(*at->second, end));
      if (taken) continue;
    }
    STRANDLINE_TRY(const bool whole, scan(*at->second, end));
    if (!whole) return success();  // later segments are gone
  }
  return success();
}

// Its index files were written when it was sealed, and its batches are checked when first read.
Result<bool> LogRecovery::take_as_it_is(Segment& segment, Offset end) {
  if (segment.size() == 0) {
    return damaged({.file = segment.path(kLogSuffix),
                    .offset = segment.base_offset(),
                    .expected = "records up to offset " + std::to_string(end.value()),
                    .found = "an empty file"});
  }
  STRANDLINE_TRY(const bool known, segment.load_times(end));
  if (known) log_.log_end_ = end;
  return known;
}

// Reads a segment from the recovery point on; false when it was cut.
//
// end   where the next segment begins; of the last one: any
Result<bool> LogRecovery::scan(Segment& segment, Offset end) {
  const bool sealed = end != Offset{INT64_MAX};
  STRANDLINE_TRYV(segment.file()->sync());
  STRANDLINE_TRY(const std::uint64_t file_end, segment.file()->size());
  const Offset from = std::max(segment.base_offset(), std::min(safe_end_, end));
  auto restored = segment.restore(from, file_end, now_, log_.config_.index_interval_bytes);
  if (!restored && restored.error() == Errc::corrupt_batch)
    return make_error_code(Errc::corrupt_file);
  STRANDLINE_TRY(BatchPlace good, std::move(restored));
  const std::uint64_t scanned_from = good.position;
  segment.file()->drop_cache(scanned_from, file_end - scanned_from);
  BatchWalk walk{segment.file(),
                 {good.position, file_end, good.offset, segment.base_offset()},
                 ReadMode::blocking};
  walk.check_checksums();
  std::string why;
  LeaderEpoch newest = kNoLeaderEpoch;
  for (;;) {
    const auto more = walk.next();
    if (!more && more.error() != Errc::corrupt_batch) return more.error();
    if (!more) why = walk.damage().expected + ", found " + walk.damage().found;
    if (!more || !more.value()) break;
    const BatchHeader& header = walk.header();
    // Below the recovery point the cache may know later terms already.
    const bool beyond = header.base_offset >= safe_end_;
    if (header.leader_epoch < newest || (beyond && header.leader_epoch < log_.epochs_.latest())) {
      why = "a leader epoch that does not fall";
      break;
    }
    newest = header.leader_epoch;
    segment.recovered(header, now_, log_.config_.index_interval_bytes);
    log_.epochs_.on_batch(header.leader_epoch, header.base_offset);
    good = {walk.end_position(), walk.next_offset()};
  }
  segment.checked().add(scanned_from, good.position);
  log_.log_end_ = good.offset;
  if (why.empty() && sealed && good.offset != end) why = "records up to the next segment";
  if (why.empty()) {
    if (sealed) {
      STRANDLINE_TRYV(segment.seal());
    }
    return true;
  }
  STRANDLINE_TRYV(cut_after(segment, good, why));
  return false;
}

// Ends the log behind `good`, which must not lie below the recovery point.
Result<void> LogRecovery::cut_after(Segment& segment, const BatchPlace& good,
                                    const std::string& why) {
  if (good.offset < safe_end_) {
    return damaged({.file = segment.path(kLogSuffix),
                    .position = good.position,
                    .offset = good.offset,
                    .expected = why + " (synced up to offset " + std::to_string(safe_end_.value()) +
                                " before)",
                    .found = "damaged bytes"});
  }
  STRANDLINE_TRY(const std::uint64_t file_end, segment.file()->size());
  const bool has_later = log_.segments_.rbegin()->first > segment.base_offset();
  if (!has_later && file_end == good.position) return success();
  STRANDLINE_TRYV(log_.reporter_.before_cut(segment.path(kLogSuffix)));
  STRANDLINE_TRYV(note_cut());
  while (log_.segments_.rbegin()->first > segment.base_offset()) {
    Segment& later = *log_.segments_.rbegin()->second;
    STRANDLINE_TRY(const std::string kept, keep_aside(later, 0));
    log_.reporter_.cut(later.path(kLogSuffix), 0, later.size(), kept);
    STRANDLINE_TRYV(log_.drop_segment(std::prev(log_.segments_.end())));
  }
  if (file_end == good.position) return success();
  STRANDLINE_TRY(const std::string kept, keep_aside(segment, good.position));
  STRANDLINE_TRYV(segment.cut_rest());
  STRANDLINE_TRYV(segment.file()->sync());
  log_.reporter_.cut(segment.path(kLogSuffix), good.position, file_end - good.position, kept);
  return success();
}

// Before anything is: another crash must not wash it away.
Result<void> LogRecovery::note_cut() {
  if (std::exchange(log_.tail_was_cut_, true)) return success();
  const std::string path = log_.directory_ + "/" + std::string{kTailCutFile};
  STRANDLINE_TRYV(log_.disk_.open(path, OpenMode::create_or_open));
  return log_.disk_.sync_directory(log_.directory_);
}

// Copies what is about to be cut: who looks into a loss later wants to see the bytes. Returns the
// copy's name; none when there were only zeros.
Result<std::string> LogRecovery::keep_aside(Segment& segment, std::uint64_t position) {
  STRANDLINE_TRY(const std::uint64_t file_end, segment.file()->size());
  const std::string name = segment.path(".cut-" + std::to_string(now_.value()));
  std::shared_ptr<File> copy;
  std::vector<std::byte> piece(std::min<std::uint64_t>(kCopyBytes, file_end - position));
  for (std::uint64_t at = position; at < file_end;) {
    STRANDLINE_TRY(const std::size_t got, segment.file()->read_at(at, piece));
    if (got == 0) break;
    const ByteView bytes = ByteView{piece}.first(got);
    const bool zeros =
        std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
    if (!zeros && !copy) {
      STRANDLINE_TRY(copy, log_.disk_.open(name, OpenMode::create_or_open));
      STRANDLINE_TRYV(copy->truncate(0));
    }
    if (copy) {
      STRANDLINE_TRYV(copy->write_at(at - position, bytes));
    }
    at += got;
  }
  if (!copy) return std::string{};
  STRANDLINE_TRYV(copy->sync());
  STRANDLINE_TRYV(log_.disk_.sync_directory(log_.directory_));
  return name;
}

Result<void> LogRecovery::finish() {
  if (log_.log_end_ < safe_end_) {
    return damaged({.file = log_.active().path(kLogSuffix),
                    .position = log_.active().size(),
                    .offset = log_.log_end_,
                    .expected = "records up to offset " + std::to_string(safe_end_.value()),
                    .found = "the end of the file"});
  }
  log_.epochs_.cut_end(log_.log_end_);
  log_.epochs_.cut_start(log_.log_start_);
  STRANDLINE_TRYV(
      remove_producer_snapshots(log_.disk_, log_.directory_, log_.log_end_ + 1, Offset{INT64_MAX}));
  // Every segment that was scanned was synced before; the names in the directory are next.
  STRANDLINE_TRYV(log_.disk_.sync_directory(log_.directory_));
  log_.directory_unsynced_ = false;
  log_.flushed_end_ = log_.log_end_;
  const Offset known = point_.known ? point_.state.high_watermark : Offset{0};
  log_.high_watermark_ = std::clamp(known, log_.log_start_, log_.log_end_);
  return success();
}

}  // namespace strandline
