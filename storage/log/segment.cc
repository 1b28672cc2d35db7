#include "storage/log/segment.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "protocol/base/errc.h"
#include "storage/log/batch_walk.h"

namespace strandline {
namespace {

constexpr std::int64_t kArrivalIntervalMs = 1000;
constexpr std::int64_t kRebuiltIntervalBytes = 4096;

}  // namespace

std::string offset_file_stem(Offset offset) {
  char text[32];
  std::snprintf(text, sizeof(text), "%020" PRId64, offset.value());
  return text;
}

Segment::Segment(Disk& disk, std::string directory, Offset base_offset, std::shared_ptr<File> file,
                 std::uint64_t size, DamageReporter& reporter)
    : disk_(disk),
      reporter_(reporter),
      directory_(std::move(directory)),
      base_offset_(base_offset),
      file_(std::move(file)),
      size_(size),
      indexes_loaded_(size == 0) {}

std::string Segment::path(std::string_view suffix) const {
  return directory_ + "/" + offset_file_stem(base_offset_) + std::string{suffix};
}

SegmentTimes Segment::times() const {
  const std::lock_guard lock{mutex_};
  return times_;
}

Result<void> Segment::append(ByteView batch, const BatchHeader& header, Timestamp append_time,
                             std::int64_t index_interval_bytes) {
  const std::uint64_t position = size();
  STRANDLINE_TRYV(file_->write_at(position, batch));
  recovered(header, append_time, index_interval_bytes);
  // What this process wrote is what it checked before.
  checked_.add(position, position + batch.size());
  return success();
}

void Segment::recovered(const BatchHeader& header, Timestamp append_time,
                        std::int64_t index_interval_bytes) {
  const std::uint64_t position = size();
  {
    const std::lock_guard lock{mutex_};
    index(header, position, append_time, index_interval_bytes);
  }
  size_.store(position + header.size_bytes(), std::memory_order_release);
}

void Segment::index(const BatchHeader& header, std::uint64_t position, Timestamp append_time,
                    std::int64_t index_interval_bytes) {
  const std::uint32_t last = relative(header.last_offset());
  last_offset_ = header.last_offset();
  if (header.max_timestamp > times_.max_timestamp) {
    times_.max_timestamp = header.max_timestamp;
    times_.max_timestamp_offset = header.last_offset();
  }
  if (times_.first_append_time == kNoTimestamp) times_.first_append_time = append_time;
  times_.last_append_time = std::max(times_.last_append_time, append_time);
  const std::int64_t last_arrival = arrivals_.empty() ? -1 : arrivals_.entries().back().append_time;
  if (times_.last_append_time.value() >= last_arrival + kArrivalIntervalMs) {
    arrivals_.add({times_.last_append_time.value(), times_.max_timestamp.value(), last});
  }
  if (position - indexed_position_ < static_cast<std::uint64_t>(index_interval_bytes)) return;
  offsets_.add({last, static_cast<std::uint32_t>(position)});
  if (times_.max_timestamp_offset != kNoOffset) {
    timestamps_.add({times_.max_timestamp.value(), relative(times_.max_timestamp_offset)});
  }
  indexed_position_ = position;
}

Result<void> Segment::cut(std::uint64_t position, Offset offset) {
  STRANDLINE_TRYV(file_->truncate(position));
  rewind(position, offset);
  return success();
}

void Segment::rewind(std::uint64_t position, Offset offset) {
  size_.store(position, std::memory_order_release);
  checked_.remove(position, UINT64_MAX);
  const std::uint32_t bound = relative(offset);
  const std::lock_guard lock{mutex_};
  offsets_.cut(
      [&](const OffsetEntry& e) { return e.relative_offset >= bound || e.position >= position; });
  timestamps_.cut([&](const TimeEntry& e) { return e.relative_offset >= bound; });
  arrivals_.cut([&](const ArrivalEntry& e) { return e.relative_offset >= bound; });
  indexed_position_ = offsets_.empty() ? 0 : offsets_.entries().back().position;
  if (times_.max_timestamp_offset >= offset) {
    // The next lower maximum is what the index still knows; a look-up walks from there.
    const bool known = !timestamps_.empty();
    times_.max_timestamp = known ? Timestamp{timestamps_.entries().back().timestamp} : kNoTimestamp;
    times_.max_timestamp_offset =
        known ? base_offset_ + timestamps_.entries().back().relative_offset : kNoOffset;
  }
}

Result<void> Segment::seal() {
  {
    const std::lock_guard lock{mutex_};
    if (times_.max_timestamp_offset != kNoOffset) {
      timestamps_.add({times_.max_timestamp.value(), relative(times_.max_timestamp_offset)});
    }
    if (last_offset_ >= base_offset_) {
      arrivals_.add(
          {times_.last_append_time.value(), times_.max_timestamp.value(), relative(last_offset_)});
    }
  }
  return write_indexes();
}

Result<void> Segment::load_indexes() {
  if (indexes_loaded_) return success();
  STRANDLINE_TRY(const bool offsets_good, offsets_.load(disk_, path(kOffsetIndexSuffix), {}));
  STRANDLINE_TRY(const bool times_good, timestamps_.load(disk_, path(kTimeIndexSuffix), {}));
  const bool fits = offsets_.empty() || offsets_.entries().back().position < size();
  if (!offsets_good || !times_good || !fits) {
    STRANDLINE_TRYV(
        rebuild_indexes(path(offsets_good && fits ? kTimeIndexSuffix : kOffsetIndexSuffix)));
  }
  indexed_position_ = offsets_.empty() ? 0 : offsets_.entries().back().position;
  indexes_loaded_ = true;
  return success();
}

Result<void> Segment::rebuild_indexes(const std::string& file) {
  if (size() > 0) reporter_.rebuilt(file, "missing, cut short or out of order");
  const Timestamp appended = times_.last_append_time;
  SparseIndex<ArrivalEntry> arrivals = std::move(arrivals_);
  const SegmentTimes known = times_;
  offsets_.cut([](const OffsetEntry&) { return true; });
  timestamps_.cut([](const TimeEntry&) { return true; });
  times_.max_timestamp = kNoTimestamp;
  times_.max_timestamp_offset = kNoOffset;
  indexed_position_ = 0;
  BatchWalk walk{file_, 0, size(), ReadMode::blocking};
  BatchHeader header;
  for (;;) {
    STRANDLINE_TRY(const bool more, walk.read(header));
    if (!more) break;
    index(header, walk.position(), appended, kRebuiltIntervalBytes);
    walk.advance(header);
  }
  times_.first_append_time = known.first_append_time;
  times_.last_append_time = known.last_append_time;
  arrivals_ = std::move(arrivals);
  return success();
}

Result<std::uint64_t> Segment::position_before(Offset offset, ReadMode mode) {
  std::unique_lock lock{mutex_, std::defer_lock};
  if (mode == ReadMode::nowait) {
    // Somebody may be loading the index under this lock.
    if (!lock.try_lock() || !indexes_loaded_) return Errc::would_block;
  } else {
    lock.lock();
    STRANDLINE_TRYV(load_indexes());
  }
  if (offset <= base_offset_) return std::uint64_t{0};
  const auto& rows = offsets_.entries();
  const auto after = std::upper_bound(
      rows.begin(), rows.end(), offset - base_offset_,
      [](std::int64_t wanted, const OffsetEntry& e) { return wanted < e.relative_offset; });
  return after == rows.begin() ? 0 : std::uint64_t{std::prev(after)->position};
}

std::uint64_t Segment::batch_start_before(std::uint64_t position, Offset end) {
  const std::unique_lock lock{mutex_, std::try_to_lock};
  if (!lock || !indexes_loaded_) return 0;
  const auto& rows = offsets_.entries();
  auto after = std::upper_bound(
      rows.begin(), rows.end(), position,
      [](std::uint64_t wanted, const OffsetEntry& e) { return wanted < e.position; });
  while (after != rows.begin()) {
    const OffsetEntry& row = *--after;
    if (base_offset_ + row.relative_offset < end) return row.position;
  }
  return 0;
}

Result<std::uint64_t> Segment::position_before_time(Timestamp time) {
  Offset offset = base_offset_;
  {
    const std::lock_guard lock{mutex_};
    STRANDLINE_TRYV(load_indexes());
    const auto& rows = timestamps_.entries();
    // The last row whose highest time so far is below the one looked for: all before it is older.
    const auto at = std::lower_bound(
        rows.begin(), rows.end(), time.value(),
        [](const TimeEntry& e, std::int64_t wanted) { return e.timestamp < wanted; });
    if (at != rows.begin()) offset = base_offset_ + std::prev(at)->relative_offset;
  }
  return position_before(offset, ReadMode::blocking);
}

Timestamp Segment::append_time_of(Offset offset) const {
  const std::lock_guard lock{mutex_};
  Timestamp time = times_.first_append_time;
  for (const ArrivalEntry& entry : arrivals_.entries()) {
    if (base_offset_ + entry.relative_offset > offset) break;
    time = Timestamp{entry.append_time};
  }
  return time;
}

Result<void> Segment::write_indexes() {
  const std::lock_guard lock{mutex_};
  if (indexes_loaded_) {
    STRANDLINE_TRYV(offsets_.write(disk_, path(kOffsetIndexSuffix), {}));
    STRANDLINE_TRYV(timestamps_.write(disk_, path(kTimeIndexSuffix), {}));
  }
  return arrivals_.write(disk_, path(kArrivalsSuffix), arrivals_header());
}

Result<Offset> Segment::load_times(Timestamp when_unknown) {
  const std::lock_guard lock{mutex_};
  if (size() == 0) return base_offset_;
  STRANDLINE_TRY(const bool good, arrivals_.load(disk_, path(kArrivalsSuffix), arrivals_header()));
  if (good && !arrivals_.empty()) {
    const ArrivalEntry& last = arrivals_.entries().back();
    times_.first_append_time = Timestamp{arrivals_.entries().front().append_time};
    times_.last_append_time = Timestamp{last.append_time};
    times_.max_timestamp = Timestamp{last.highest_event_time};
    last_offset_ = base_offset_ + last.relative_offset;
    times_.max_timestamp_offset = last_offset_;
    return last_offset_ + 1;
  }
  if (!good) reporter_.rebuilt(path(kArrivalsSuffix), "missing, cut short or out of order");
  // Later than the truth: records are kept longer, never shorter.
  times_.first_append_time = when_unknown;
  times_.last_append_time = when_unknown;
  return base_offset_;
}

std::size_t Segment::index_bytes() const {
  const std::lock_guard lock{mutex_};
  return offsets_.entries().size() * OffsetEntry::kBytes;
}

}  // namespace strandline
