#include "storage/log/batch_walk.h"

#include <algorithm>

#include "protocol/base/errc.h"

namespace strandline {

Result<ByteView> BatchWalk::bytes(std::size_t count, std::size_t read_ahead) {
  const bool inside =
      position_ >= block_position_ && position_ + count <= block_position_ + block_filled_;
  if (!inside) {
    const std::size_t wanted = static_cast<std::size_t>(
        std::min<std::uint64_t>(std::max(count, read_ahead), end_ - position_));
    if (block_.size() < wanted) block_.resize(wanted);
    const MutableByteView into{block_.data(), wanted};
    block_filled_ = 0;
    STRANDLINE_TRY(const std::size_t got, mode_ == ReadMode::nowait
                                              ? file_->read_at_nowait(position_, into)
                                              : file_->read_at(position_, into));
    block_position_ = position_;
    block_filled_ = got;
    if (got < count) return Errc::corrupt_batch;
  }
  return ByteView{block_}.subspan(static_cast<std::size_t>(position_ - block_position_), count);
}

Result<bool> BatchWalk::read(BatchHeader& header) {
  if (position_ >= end_) return false;
  if (end_ - position_ < kBatchHeaderBytes) return Errc::corrupt_batch;
  STRANDLINE_TRY(const ByteView raw, bytes(kBatchHeaderBytes, kBlockBytes));
  const auto parsed = parse_batch_header(raw);
  if (!parsed) return Errc::corrupt_batch;
  header = parsed.value();
  if (header.size_bytes() > end_ - position_) return Errc::corrupt_batch;
  return true;
}

Result<ByteView> BatchWalk::batch(const BatchHeader& header) {
  // A run of small batches is read in one go.
  return bytes(header.size_bytes(), std::size_t{256} << 10);
}

}  // namespace strandline
