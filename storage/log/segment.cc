#include "storage/log/segment.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <vector>

#include "protocol/base/errc.h"

namespace strandline {
namespace {

constexpr std::int64_t kArrivalIntervalMs = 1000;

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
      size_(size) {
  if (size > 0) return;
  offsets_.start_anew();
  timestamps_.start_anew();
  arrivals_.start_anew();
}

std::string Segment::path(std::string_view suffix) const {
  return directory_ + "/" + offset_file_stem(base_offset_) + std::string{suffix};
}

SegmentTimes Segment::times() const {
  const std::lock_guard lock{mutex_};
  return times_;
}

Result<void> Segment::append(std::span<const StagedBatch> batches,
                             std::int64_t index_interval_bytes) {
  const std::uint64_t position = size();
  std::vector<ByteView> pieces;
  pieces.reserve(batches.size());
  for (const StagedBatch& batch : batches) pieces.push_back(batch.bytes);
  STRANDLINE_TRYV(file_->write_at(position, pieces));
  for (const StagedBatch& batch : batches) {
    recovered(batch.header, batch.append_time, index_interval_bytes);
  }
  // What this process wrote is what it checked before.
  checked_.add(position, size());
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
  index_position(header, position, index_interval_bytes);
  if (times_.first_append_time == kNoTimestamp) times_.first_append_time = append_time;
  times_.last_append_time = std::max(times_.last_append_time, append_time);
  const std::int64_t newest = arrivals_.last() ? arrivals_.last()->append_time : -1;
  if (times_.last_append_time.value() >= newest + kArrivalIntervalMs) {
    arrivals_.add({times_.last_append_time.value(), times_.max_timestamp.value(),
                   relative(header.last_offset())});
  }
}

void Segment::index_position(const BatchHeader& header, std::uint64_t position,
                             std::int64_t index_interval_bytes) {
  last_offset_ = header.last_offset();
  if (header.max_timestamp > times_.max_timestamp) {
    times_.max_timestamp = header.max_timestamp;
    times_.max_timestamp_offset = header.last_offset();
  }
  if (position - indexed_position_ < static_cast<std::uint64_t>(index_interval_bytes)) return;
  offsets_.add({relative(last_offset_), static_cast<std::uint32_t>(position)});
  if (times_.max_timestamp_offset != kNoOffset) {
    timestamps_.add({times_.max_timestamp.value(), relative(times_.max_timestamp_offset)});
  }
  indexed_position_ = position;
}

Result<void> Segment::cut_rest() { return file_->truncate(size()); }

Result<void> Segment::seal() {
  {
    const std::lock_guard lock{mutex_};
    if (times_.max_timestamp_offset != kNoOffset) {
      timestamps_.add({times_.max_timestamp.value(), relative(times_.max_timestamp_offset)});
    }
  }
  return write_indexes();
}

Result<void> Segment::write_indexes() {
  const std::lock_guard lock{mutex_};
  // The newest batch arrived at a known time: after a restart it would not be.
  if (last_offset_ >= base_offset_ && arrivals_.is_open()) {
    arrivals_.add(
        {times_.last_append_time.value(), times_.max_timestamp.value(), relative(last_offset_)});
  }
  STRANDLINE_TRYV(offsets_.write(disk_, path(kOffsetIndexSuffix)));
  STRANDLINE_TRYV(timestamps_.write(disk_, path(kTimeIndexSuffix)));
  return arrivals_.write(disk_, path(kArrivalsSuffix));
}

Result<void> Segment::sync_indexes() {
  std::array<std::shared_ptr<File>, 3> files;
  {
    const std::lock_guard lock{mutex_};
    files = {offsets_.rows().file, timestamps_.rows().file, arrivals_.rows().file};
  }
  for (const auto& file : files) {
    if (file) {
      STRANDLINE_TRYV(file->sync());
    }
  }
  return success();
}

void Segment::retire() {
  const std::lock_guard lock{retiring_};
  retired_ = true;
}

Result<void> Segment::unless_retired(const std::function<Result<void>()>& write) {
  const std::lock_guard lock{retiring_};
  return retired_ ? Result<void>{success()} : write();
}

void Segment::report_early_end(const BatchPlace& end, Offset expected) const {
  report({.file = path(kLogSuffix),
          .position = end.position,
          .offset = end.offset,
          .expected = "records up to offset " + std::to_string(expected.value()),
          .found = "the end of the file"});
}

std::size_t Segment::index_bytes() const {
  const std::lock_guard lock{mutex_};
  return offsets_.count() * OffsetEntry::kBytes;
}

void Segment::remember(Offset offset, std::uint64_t position) {
  if (position == 0 || position > UINT32_MAX) return;
  const std::uint64_t packed = (std::uint64_t{relative(offset)} << 32U) | position;
  for (const auto& cursor : cursors_) {
    if (cursor.load(std::memory_order_relaxed) == packed) return;
  }
  const std::uint32_t slot = next_cursor_.fetch_add(1, std::memory_order_relaxed) % kCursors;
  cursors_[slot].store(packed, std::memory_order_relaxed);
}

std::optional<BatchPlace> Segment::recall(Offset offset) const {
  if (offset <= base_offset_) return BatchPlace{.position = 0, .offset = base_offset_};
  for (const auto& cursor : cursors_) {
    const std::uint64_t packed = cursor.load(std::memory_order_relaxed);
    if (packed != 0 && packed >> 32U == relative(offset)) {
      return BatchPlace{.position = packed & UINT32_MAX, .offset = offset};
    }
  }
  return std::nullopt;
}

}  // namespace strandline
