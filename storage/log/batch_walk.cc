#include "storage/log/batch_walk.h"

#include <algorithm>

#include "protocol/base/crc32c.h"
#include "protocol/base/errc.h"
#include "storage/log/sparse_index.h"

namespace strandline {
namespace {

constexpr std::size_t kHeaderWindow = 4096;
constexpr std::size_t kChecksumWindow = 256 << 10;
constexpr std::size_t kChecksumStart = 21;
// Headers further apart than this are read one by one, not with what lies between.
constexpr std::size_t kSparseBatch = 1024;

std::string number(std::int64_t value) { return std::to_string(value); }

}  // namespace

BatchWalk::BatchWalk(std::shared_ptr<File> file, const Range& range, ReadMode mode)
    : file_(std::move(file)),
      end_(range.end),
      offset_min_(range.offset_min),
      mode_(mode),
      position_(range.position),
      next_position_(range.position),
      next_offset_(range.offset) {}

ErrorCode BatchWalk::damaged(std::string expected, std::string found) {
  damage_ = {.file = file_->path(),
             .position = next_position_,
             .offset = next_offset_,
             .expected = std::move(expected),
             .found = std::move(found)};
  return Errc::corrupt_batch;
}

std::size_t BatchWalk::window_bytes() const {
  if (checks_) return kChecksumWindow;
  return last_size_ >= kSparseBatch ? kBatchHeaderBytes : kHeaderWindow;
}

// Makes [position, position + bytes_min) readable from the buffer, as far as the range goes.
Result<void> BatchWalk::fill(std::uint64_t position, std::size_t bytes_min) {
  if (position >= buffer_at_ && position + bytes_min <= buffer_at_ + buffered_) return success();
  const std::size_t wanted = std::max(checks_ ? kChecksumWindow : kHeaderWindow, bytes_min);
  if (capacity_ < wanted) {
    buffer_ = std::make_unique_for_overwrite<std::byte[]>(wanted);
    capacity_ = wanted;
  }
  buffered_ = 0;
  const std::uint64_t left = end_ - position;
  const std::size_t bytes = std::min<std::uint64_t>(std::max(window_bytes(), bytes_min), left);
  STRANDLINE_TRY(buffered_, read_in_mode(*file_, position, {buffer_.get(), bytes}, mode_));
  buffer_at_ = position;
  return success();
}

Result<bool> BatchWalk::checksum_matches(std::uint64_t position, const BatchHeader& header) {
  std::uint64_t at = position + kChecksumStart;
  const std::uint64_t end = position + header.size_bytes();
  std::uint32_t crc = 0;
  while (at < end) {
    if (at < buffer_at_ || at >= buffer_at_ + buffered_) {
      STRANDLINE_TRYV(fill(at, 1));
    }
    const std::size_t from = at - buffer_at_;
    if (from >= buffered_) return false;  // the file is shorter than it was said to be
    const std::size_t bytes = std::min<std::uint64_t>(buffered_ - from, end - at);
    crc = crc32c_extend(crc, {buffer_.get() + from, bytes});
    at += bytes;
  }
  return crc == header.crc;
}

Result<bool> BatchWalk::is_intact() {
  STRANDLINE_TRY(const bool good, checksum_matches(position_, header_));
  if (!good) {
    damage_ = {.file = file_->path(),
               .position = position_,
               .offset = header_.base_offset,
               .expected = "a matching checksum",
               .found = "another one"};
  }
  return good;
}

Result<ByteView> BatchWalk::batch() {
  STRANDLINE_TRYV(fill(position_, header_.size_bytes()));
  const std::size_t from = position_ - buffer_at_;
  if (from + header_.size_bytes() > buffered_) return Errc::corrupt_batch;
  return ByteView{buffer_.get() + from, header_.size_bytes()};
}

Result<void> BatchWalk::join_up(const BatchHeader& header) {
  if (header.last_offset_delta < 0) {
    return damaged("last offset delta >= 0", number(header.last_offset_delta));
  }
  if (next_offset_ != kNoOffset && header.base_offset != next_offset_) {
    return damaged("base offset " + number(next_offset_.value()),
                   number(header.base_offset.value()));
  }
  if (header.base_offset < offset_min_) {
    return damaged("base offset of at least " + number(offset_min_.value()),
                   number(header.base_offset.value()));
  }
  if (header.leader_epoch < epoch_) {
    return damaged("leader epoch of at least " + number(epoch_.value()),
                   number(header.leader_epoch.value()));
  }
  const auto epoch = epochs_ ? epoch_at(*epochs_, header.last_offset()) : std::nullopt;
  if (epoch && header.leader_epoch != *epoch) {
    return damaged("leader epoch " + number(epoch->value()), number(header.leader_epoch.value()));
  }
  return success();
}

Result<bool> BatchWalk::next() {
  const std::uint64_t left = end_ - next_position_;
  if (left == 0) return false;
  if (left < kBatchHeaderBytes) return damaged("a batch header", number(left) + " bytes");
  STRANDLINE_TRYV(fill(next_position_, kBatchHeaderBytes));
  const std::size_t from = next_position_ - buffer_at_;
  if (from + kBatchHeaderBytes > buffered_) return damaged("a batch header", "the end of the file");
  const auto parsed = parse_batch_header({buffer_.get() + from, kBatchHeaderBytes});
  if (parsed.has_error()) return damaged("a batch of format 2", "bytes that are none");
  const BatchHeader& header = parsed.value();
  if (header.size_bytes() > left) {
    return damaged("a batch of at most " + number(left) + " bytes", number(header.size_bytes()));
  }
  STRANDLINE_TRYV(join_up(header));
  if (checks_) {
    STRANDLINE_TRY(const bool good, checksum_matches(next_position_, header));
    if (!good) return damaged("a matching checksum", "another one");
  }
  header_ = header;
  epoch_ = header.leader_epoch;
  last_size_ = header.size_bytes();
  position_ = next_position_;
  next_position_ += last_size_;
  next_offset_ = header.next_offset();
  return true;
}

}  // namespace strandline
