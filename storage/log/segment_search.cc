// Finding batches in a segment through its indexes, and making those again when they are wrong.
#include <algorithm>

#include "protocol/base/errc.h"
#include "storage/log/batch_walk.h"
#include "storage/log/segment.h"

namespace strandline {
namespace {

constexpr std::int64_t kRebuiltIntervalBytes = 4096;

// Needs the mutex.
template <class Entry>
Result<bool> open_if_needed(SparseIndex<Entry>& index, Disk& disk, const std::string& path) {
  if (index.is_open()) return true;
  STRANDLINE_TRY(const auto found, index.open(disk, path));
  return found == SparseIndex<Entry>::Found::good;
}

// The last pending row that belongs; those for which it holds come first.
template <class Entry, class Belongs>
const Entry* last_of(const std::vector<Entry>& rows, Belongs belongs) {
  const auto beyond = std::partition_point(rows.begin(), rows.end(), belongs);
  return beyond == rows.begin() ? nullptr : &*std::prev(beyond);
}

}  // namespace

// The batch that a row names; none when there is no such batch.
Result<std::optional<BatchPlace>> Segment::place_of(const OffsetEntry& row, ReadMode mode) const {
  if (row.position + kBatchHeaderBytes > size()) return std::optional<BatchPlace>{};
  std::array<std::byte, kBatchHeaderBytes> raw;
  STRANDLINE_TRY(const std::size_t got, read_in_mode(*file_, row.position, raw, mode));
  if (got < raw.size()) return std::optional<BatchPlace>{};
  const auto header = parse_batch_header(raw);
  if (!header || header.value().last_offset() != base_offset_ + row.relative_offset ||
      header.value().base_offset < base_offset_) {
    return std::optional<BatchPlace>{};
  }
  return std::optional{BatchPlace{.position = row.position, .offset = header.value().base_offset}};
}

// Needs the mutex. Waits for the disk.
Result<void> Segment::open_indexes() {
  STRANDLINE_TRY(const bool offsets, open_if_needed(offsets_, disk_, path(kOffsetIndexSuffix)));
  STRANDLINE_TRY(const bool times, open_if_needed(timestamps_, disk_, path(kTimeIndexSuffix)));
  if (!offsets || !times) return rebuild_indexes("missing or cut short");
  return success();
}

// Needs the mutex. What is in memory of an active segment is made again as well. A disk that cannot
// be written keeps nobody from reading: the rows then stay in memory.
Result<void> Segment::rebuild_indexes(const std::string& why) {
  reporter_.rebuilt(path(kOffsetIndexSuffix), why);
  const SegmentTimes known = times_;
  const Offset last = last_offset_;
  if (!offsets_.keep(0)) offsets_.start_anew();
  if (!timestamps_.keep(0)) timestamps_.start_anew();
  times_ = {};
  indexed_position_ = 0;
  BatchWalk walk{file_, {.end = size(), .offset = base_offset_}, ReadMode::blocking};
  for (;;) {
    const auto more = walk.next();
    // Damage is found, and said, by who reads that place: the rows before it are good.
    if (!more && more.error() == Errc::corrupt_batch) break;
    if (!more) return more.error();
    if (!more.value()) break;
    index_position(walk.header(), walk.position(), kRebuiltIntervalBytes);
  }
  if (times_.max_timestamp_offset != kNoOffset) {
    timestamps_.add({times_.max_timestamp.value(), relative(times_.max_timestamp_offset)});
  }
  times_ = known;
  last_offset_ = last;
  (void)offsets_.write(disk_, path(kOffsetIndexSuffix));
  (void)timestamps_.write(disk_, path(kTimeIndexSuffix));
  return success();
}

// The batch of the last index row whose `field` is at most `most`, or the first batch.
Result<BatchPlace> Segment::place_up_to(std::uint32_t OffsetEntry::* field, std::uint64_t most,
                                        ReadMode mode) {
  const auto belongs = [&](const OffsetEntry& row) { return row.*field <= most; };
  const BatchPlace start{.position = 0, .offset = base_offset_};
  for (int attempt = 0; attempt < 2; ++attempt) {
    Rows<OffsetEntry> rows;
    std::optional<OffsetEntry> row;
    std::uint64_t guess = 0;
    {
      std::unique_lock lock{mutex_, std::defer_lock};
      if (mode == ReadMode::blocking) {
        lock.lock();
        STRANDLINE_TRYV(open_indexes());
      } else if (!lock.try_lock() || !offsets_.is_open()) {
        return Errc::would_block;  // somebody may be opening them under this lock
      }
      if (const auto* newest = last_of(offsets_.pending(), belongs)) row = *newest;
      rows = offsets_.rows();
      // Rows are spread about evenly over the segment.
      const std::uint64_t greatest = offsets_.last() ? (*offsets_.last()).*field : 0;
      if (greatest > 0) guess = offsets_.count() * std::min(most, greatest) / greatest;
    }
    if (!row) {
      STRANDLINE_TRY(row, rows.last_where(belongs, mode, guess));
    }
    if (!row) return start;
    STRANDLINE_TRY(const auto place, place_of(*row, mode));
    if (place) return *place;
    if (mode == ReadMode::nowait) return Errc::would_block;
    const std::lock_guard lock{mutex_};
    STRANDLINE_TRYV(rebuild_indexes("a row names no batch"));
  }
  return start;
}

Result<BatchPlace> Segment::place_before(Offset offset, ReadMode mode) {
  if (const auto known = recall(offset)) return *known;
  return place_up_to(&OffsetEntry::relative_offset, relative(offset), mode);
}

Result<BatchPlace> Segment::place_before_position(std::uint64_t position, ReadMode mode) {
  return place_up_to(&OffsetEntry::position, position, mode);
}

Result<std::optional<Segment::NamedBatch>> Segment::batch_ending_at(const BatchPlace& near,
                                                                    Offset last_offset) const {
  BatchWalk walk{file_, {near.position, size(), near.offset}, ReadMode::blocking};
  for (;;) {
    const auto more = walk.next();
    if (!more && more.error() != Errc::corrupt_batch) return more.error();
    if (!more || !more.value() || walk.header().last_offset() > last_offset) {
      return std::optional<NamedBatch>{};
    }
    if (walk.header().last_offset() == last_offset) {
      return std::optional{NamedBatch{.place = {walk.position(), walk.header().base_offset},
                                      .time = walk.header().max_timestamp}};
    }
  }
}

Result<BatchPlace> Segment::place_before_time(Timestamp time) {
  const auto earlier = [&](const TimeEntry& e) { return e.timestamp < time.value(); };
  for (int attempt = 0; attempt < 2; ++attempt) {
    Rows<TimeEntry> rows;
    std::optional<TimeEntry> row;
    {
      const std::lock_guard lock{mutex_};
      STRANDLINE_TRYV(open_indexes());
      if (const auto* newest = last_of(timestamps_.pending(), earlier)) row = *newest;
      rows = timestamps_.rows();
    }
    if (!row) {
      STRANDLINE_TRY(row, rows.last_where(earlier, ReadMode::blocking));
    }
    const Offset named = base_offset_ + (row ? row->relative_offset : 0);
    STRANDLINE_TRY(const BatchPlace near, place_before(named, ReadMode::blocking));
    if (!row) return near;
    // The row counts only when its batch has just this time: a wrong one would hide records.
    STRANDLINE_TRY(const auto found, batch_ending_at(near, named));
    if (found && found->time.value() == row->timestamp) return found->place;
    const std::lock_guard lock{mutex_};
    STRANDLINE_TRYV(rebuild_indexes("a row of the time index names no batch"));
  }
  return BatchPlace{.position = 0, .offset = base_offset_};
}

Timestamp Segment::append_time_of(Offset offset) const {
  const auto known = [&](const ArrivalEntry& e) { return e.relative_offset <= relative(offset); };
  Rows<ArrivalEntry> rows;
  Timestamp first;
  {
    const std::lock_guard lock{mutex_};
    if (const auto* newest = last_of(arrivals_.pending(), known)) {
      return Timestamp{newest->append_time};
    }
    rows = arrivals_.rows();
    first = times_.first_append_time;
  }
  const auto row = rows.last_where(known, ReadMode::blocking);
  return row && row.value() ? Timestamp{row.value()->append_time} : first;
}

}  // namespace strandline
