#include "broker/net/frame_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "protocol/base/errc.h"

namespace strandline {

ByteView FrameReader::pending() const {
  if (!buffer_) return {};
  return ByteView{buffer_.bytes()}.subspan(start_, filled_ - start_);
}

std::size_t FrameReader::room_wanted() const {
  const ByteView begun = pending();
  // A peer that has sent a large frame before may be given the room for another at once.
  const std::size_t trusted =
      std::max({kFirstBytes, 2 * begun.size(), std::min(largest_frame_, kTrustedBytesMax)});
  if (begun.size() < kLengthBytes) return trusted;
  const std::size_t whole = kLengthBytes + load_be<std::uint32_t>(begun.data());
  return std::clamp(whole, std::min(trusted, kFirstBytes), trusted);
}

MutableByteView FrameReader::space() {
  const ByteView begun = pending();
  if (buffer_ && begun.empty() && !buffer_.is_shared()) start_ = filled_ = 0;
  const std::size_t wanted = room_wanted();
  // Frames already handed out keep the old buffer; only the unfinished one moves.
  if (!buffer_ || start_ + std::max(wanted, begun.size() + 1) > buffer_.bytes().size()) {
    BufferRef larger = pool_.take(std::max(wanted, begun.size() + 1));
    if (!begun.empty()) std::memcpy(larger.bytes().data(), begun.data(), begun.size());
    filled_ = begun.size();
    start_ = 0;
    buffer_ = std::move(larger);
  }
  return buffer_.bytes().subspan(filled_);
}

Result<std::optional<Frame>> FrameReader::next() {
  const ByteView begun = pending();
  if (begun.size() < kLengthBytes) return std::nullopt;
  const auto length = load_be<std::int32_t>(begun.data());
  if (length < 0 || static_cast<std::size_t>(length) > frame_bytes_max_) {
    return Errc::frame_too_large;
  }
  const std::size_t whole = kLengthBytes + static_cast<std::size_t>(length);
  if (begun.size() < whole) return std::nullopt;
  Frame frame{buffer_, buffer_.bytes().subspan(start_ + kLengthBytes, whole - kLengthBytes)};
  largest_frame_ = std::max(largest_frame_, whole);
  start_ += whole;
  return std::optional<Frame>{std::move(frame)};
}

void FrameReader::release_spare() {
  const ByteView begun = pending();
  BufferRef smaller;
  if (!begun.empty()) {
    const std::size_t size = buffer_.bytes().size();
    if (begun.size() > kHeldSmallBytesMax || size < 2 * begun.size()) return;
    if (size == BufferPool::kSmallestBytes) return;
    smaller = pool_.take(begun.size());
    std::memcpy(smaller.bytes().data(), begun.data(), begun.size());
  }
  filled_ = begun.size();
  start_ = 0;
  buffer_ = std::move(smaller);
}

}  // namespace strandline
