// Taking a segment back to an earlier end, after a crash or for a truncation.
#include <algorithm>

#include "protocol/base/errc.h"
#include "storage/log/batch_walk.h"
#include "storage/log/segment.h"

namespace strandline {

Result<bool> Segment::load_times(Offset end) {
  const std::lock_guard lock{mutex_};
  STRANDLINE_TRY(const auto found, arrivals_.open(disk_, path(kArrivalsSuffix)));
  const auto last = arrivals_.last();
  if (found != SparseIndex<ArrivalEntry>::Found::good || !last ||
      base_offset_ + last->relative_offset + 1 != end) {
    return false;
  }
  STRANDLINE_TRY(const auto first, arrivals_.row(0));
  times_ = {.max_timestamp = Timestamp{last->highest_event_time},
            .max_timestamp_offset = kNoOffset,
            .first_append_time = Timestamp{first ? first->append_time : last->append_time},
            .last_append_time = Timestamp{last->append_time}};
  last_offset_ = end - 1;
  return true;
}

// Keeps the rows of arrivals below `end`, and what they say of times.
Result<void> Segment::restore_arrivals(Offset end, Timestamp when_unknown) {
  using Found = SparseIndex<ArrivalEntry>::Found;
  if (!arrivals_.is_open() || arrivals_.pending().empty()) {
    STRANDLINE_TRY(const Found found, arrivals_.open(disk_, path(kArrivalsSuffix)));
    if (found == Found::missing && end > base_offset_) {
      reporter_.rebuilt(path(kArrivalsSuffix), "missing");
    } else if (found == Found::broken) {
      reporter_.rebuilt(path(kArrivalsSuffix), "damaged");
    }
  }
  // From the end, so that a damaged row in the middle does not hide the good ones behind it.
  std::uint64_t keep = arrivals_.count();
  for (; keep > 0; --keep) {
    STRANDLINE_TRY(const auto row, arrivals_.row(keep - 1));
    if (row && base_offset_ + row->relative_offset < end) break;
  }
  STRANDLINE_TRYV(arrivals_.keep(keep));
  times_.first_append_time = times_.last_append_time = kNoTimestamp;
  if (const auto last = arrivals_.last()) {
    STRANDLINE_TRY(const auto first, arrivals_.row(0));
    times_.first_append_time = Timestamp{first ? first->append_time : last->append_time};
    times_.last_append_time = Timestamp{last->append_time};
  } else if (end > base_offset_) {
    // Later than the truth: records are kept longer, never shorter.
    times_.first_append_time = times_.last_append_time = when_unknown;
  }
  return success();
}

// The last offset up to which the newest time row surely has the greatest time. Rows may be missing
// behind it while later ones of .index are there: the files are written one after the other, and a
// power loss keeps what it likes of each. Arrivals say the greatest time as well.
Result<Offset> Segment::times_known_to() const {
  const auto newest = timestamps_.last();
  const std::int64_t greatest = newest ? newest->timestamp : -1;
  const Offset named = base_offset_ + (newest ? std::int64_t{newest->relative_offset} : -1);
  const auto up_to = [&](const ArrivalEntry& e) { return e.highest_event_time <= greatest; };
  STRANDLINE_TRY(const auto row, arrivals_.rows().last_where(up_to, ReadMode::blocking));
  if (!row || row->highest_event_time != greatest) return named;
  return std::max(named, base_offset_ + row->relative_offset);
}

// Drops index rows at whose batches a greater time than the newest row's may have been met.
Result<BatchPlace> Segment::back_to_known_times(const BatchPlace& place) {
  STRANDLINE_TRY(const Offset known, times_known_to());
  if (known + 1 >= place.offset) return place;
  const auto told = [&](const OffsetEntry& e) { return base_offset_ + e.relative_offset <= known; };
  STRANDLINE_TRY(const std::uint64_t kept, offsets_.rows().count_where(told, ReadMode::blocking));
  STRANDLINE_TRYV(offsets_.keep(kept));
  if (const auto last = offsets_.last()) {
    STRANDLINE_TRY(const auto there, place_of(*last, ReadMode::blocking));
    if (there) return *there;
  }
  STRANDLINE_TRYV(offsets_.keep(0));
  STRANDLINE_TRYV(timestamps_.keep(0));
  return BatchPlace{.position = 0, .offset = base_offset_};
}

// True when the last time row is that of a batch up to the one at `place`, and fits that one.
Result<bool> Segment::time_rows_fit(const BatchPlace& place) {
  BatchWalk walk{file_, {place.position, size(), place.offset}, ReadMode::blocking};
  const auto there = walk.next();
  if (!there && there.error() != Errc::corrupt_batch) return there.error();
  if (!there || !there.value()) return false;
  const std::int64_t time = walk.header().max_timestamp.value();
  const auto last = timestamps_.last();
  if (!last) return time < 0;
  if (time > last->timestamp) return false;
  const auto before = [&](const OffsetEntry& e) {
    return e.relative_offset <= last->relative_offset;
  };
  STRANDLINE_TRY(const auto row, offsets_.rows().last_where(before, ReadMode::blocking));
  std::optional<BatchPlace> near;
  if (row) {
    STRANDLINE_TRY(near, place_of(*row, ReadMode::blocking));
  }
  const BatchPlace start{.position = 0, .offset = base_offset_};
  const Offset named = base_offset_ + last->relative_offset;
  STRANDLINE_TRY(const auto found, batch_ending_at(near.value_or(start), named));
  return found && found->time.value() == last->timestamp;
}

// Keeps the index rows of batches that end below `end`; returns the batch of the last one.
Result<BatchPlace> Segment::restore_rows(Offset end) {
  const BatchPlace start{.position = 0, .offset = base_offset_};
  const auto below = [&](const auto& e) { return base_offset_ + e.relative_offset < end; };
  if (!offsets_.is_open()) {
    STRANDLINE_TRYV(offsets_.open(disk_, path(kOffsetIndexSuffix)));
  }
  if (!timestamps_.is_open()) {
    STRANDLINE_TRYV(timestamps_.open(disk_, path(kTimeIndexSuffix)));
  }
  STRANDLINE_TRYV(write_rows());
  std::string why;
  STRANDLINE_TRY(const std::uint64_t kept, offsets_.rows().count_where(below, ReadMode::blocking));
  STRANDLINE_TRYV(offsets_.keep(kept));
  if (const auto last = offsets_.last()) {
    const auto covered = [&](const TimeEntry& e) {
      return e.relative_offset <= last->relative_offset;
    };
    STRANDLINE_TRY(const std::uint64_t times,
                   timestamps_.rows().count_where(covered, ReadMode::blocking));
    STRANDLINE_TRYV(timestamps_.keep(times));
    STRANDLINE_TRY(const auto place, place_of(*last, ReadMode::blocking));
    if (place) {
      STRANDLINE_TRY(const bool fit, time_rows_fit(*place));
      if (fit) return back_to_known_times(*place);
      why = "the time index does not fit";
    } else {
      why = "its last row names no batch";
    }
  }
  if (!why.empty()) reporter_.rebuilt(path(kOffsetIndexSuffix), why);
  STRANDLINE_TRYV(offsets_.keep(0));
  STRANDLINE_TRYV(timestamps_.keep(0));
  return start;
}

Result<void> Segment::write_rows() {
  STRANDLINE_TRYV(offsets_.write(disk_, path(kOffsetIndexSuffix)));
  return timestamps_.write(disk_, path(kTimeIndexSuffix));
}

Result<BatchPlace> Segment::restore(Offset end, std::uint64_t file_end, Timestamp when_unknown,
                                    std::int64_t index_interval_bytes) {
  const std::lock_guard lock{mutex_};
  for (auto& cursor : cursors_) cursor.store(0, std::memory_order_relaxed);
  size_.store(file_end, std::memory_order_release);
  times_ = {};
  last_offset_ = kNoOffset;
  STRANDLINE_TRYV(restore_arrivals(end, when_unknown));
  const bool was_open = offsets_.is_open();
  STRANDLINE_TRY(BatchPlace at, restore_rows(end));
  // Behind newer rows those that were cut could name batches that are there by chance.
  STRANDLINE_TRYV(offsets_.sync_cut());
  STRANDLINE_TRYV(timestamps_.sync_cut());
  STRANDLINE_TRYV(arrivals_.sync_cut());
  indexed_position_ = at.position;
  if (const auto last = timestamps_.last()) {
    times_.max_timestamp = Timestamp{last->timestamp};
    times_.max_timestamp_offset = base_offset_ + last->relative_offset;
  }
  BatchWalk walk{file_, {at.position, file_end, at.offset, base_offset_}, ReadMode::blocking};
  while (at.offset < end) {
    const auto more = walk.next();
    if (!more && more.error() != Errc::corrupt_batch) return more.error();
    if (!more || !more.value()) {
      more ? report_early_end(at, end) : report(walk.damage());
      return Errc::corrupt_batch;
    }
    if (walk.next_offset() > end) break;
    index_position(walk.header(), walk.position(), index_interval_bytes);
    at = {.position = walk.end_position(), .offset = walk.next_offset()};
  }
  // A short segment needs no row, and has no file then.
  if (!was_open && !offsets_.rows().file && offsets_.count() > 0) {
    reporter_.rebuilt(path(kOffsetIndexSuffix), "missing");
  }
  size_.store(at.position, std::memory_order_release);
  checked_.remove(at.position, UINT64_MAX);
  // Append times of batches behind the last row are lost with it.
  const bool all_told =
      !arrivals_.last() || base_offset_ + arrivals_.last()->relative_offset >= last_offset_;
  if (!all_told) times_.last_append_time = std::max(times_.last_append_time, when_unknown);
  return at;
}

}  // namespace strandline
