#include "broker/net/output_queue.h"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"

namespace strandline {
namespace {

constexpr std::size_t kIovecsMax = 64;
// One connection's turn: a fast reader of a cached file must not keep the shard from the others.
constexpr std::uint64_t kTurnBytesMax = std::uint64_t{4} << 20;

bool is_file(const OutputPiece& piece) { return std::holds_alternative<FilePiece>(piece); }

ErrorCode last_error() { return {errno, boost::system::system_category()}; }

}  // namespace

std::uint64_t size_bytes(const OutputPiece& piece) {
  if (const auto* file = std::get_if<FilePiece>(&piece)) return file->length;
  return std::get<MemoryPiece>(piece).bytes.size();
}

void OutputQueue::push(OutputPiece piece) {
  const std::uint64_t size = size_bytes(piece);
  if (size == 0) return;
  bytes_ += size;
  if (!is_file(piece)) memory_bytes_ += size;
  pieces_.push_back(std::move(piece));
}

Result<OutputQueue::Sent> OutputQueue::send_to(int socket) {
  Sent sent;
  while (!pieces_.empty() && sent.from_memory + sent.from_files < kTurnBytesMax) {
    const bool file = is_file(pieces_.front());
    STRANDLINE_TRY(const std::uint64_t count, file ? send_file(socket) : send_memory(socket));
    if (count == 0) {
      sent.blocked = true;
      return sent;
    }
    (file ? sent.from_files : sent.from_memory) += count;
    consumed(count);
  }
  return sent;
}

Result<std::uint64_t> OutputQueue::send_memory(int socket) {
  std::array<iovec, kIovecsMax> vectors;
  std::size_t used = 0;
  std::size_t next = 0;
  for (; next < pieces_.size() && used < kIovecsMax; ++next) {
    const auto* piece = std::get_if<MemoryPiece>(&pieces_[next]);
    if (piece == nullptr) break;
    const std::size_t skip = next == 0 ? static_cast<std::size_t>(front_done_) : 0;
    vectors[used++] = {const_cast<std::byte*>(piece->bytes.data()) + skip,
                       piece->bytes.size() - skip};
  }
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = used;
  // With more to come the kernel fills the segment before it sends it.
  const int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (next < pieces_.size() ? MSG_MORE : 0);
  for (;;) {
    const ssize_t count = ::sendmsg(socket, &message, flags);
    if (count >= 0) return static_cast<std::uint64_t>(count);
    if (errno == EAGAIN || errno == EWOULDBLOCK) return std::uint64_t{0};
    if (errno != EINTR) return last_error();
  }
}

Result<std::uint64_t> OutputQueue::send_file(int socket) {
  const auto& piece = std::get<FilePiece>(pieces_.front());
  auto position = static_cast<off_t>(piece.position + front_done_);
  const std::uint64_t left = std::min(piece.length - front_done_, kTurnBytesMax);
  for (;;) {
    const ssize_t count = ::sendfile(socket, piece.file->fd(), &position, left);
    if (count > 0) return static_cast<std::uint64_t>(count);
    // The slice was inside the file when it was planned: a shorter file is damage, and the
    // response cannot be completed.
    if (count == 0) return Errc::corrupt_file;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return std::uint64_t{0};
    if (errno != EINTR) return last_error();
  }
}

void OutputQueue::consumed(std::uint64_t count) {
  bytes_ -= count;
  while (count > 0) {
    const std::uint64_t left = size_bytes(pieces_.front()) - front_done_;
    if (count < left) {
      front_done_ += count;
      return;
    }
    count -= left;
    front_done_ = 0;
    // A piece's memory is given back when the whole of it is sent.
    if (!is_file(pieces_.front())) memory_bytes_ -= size_bytes(pieces_.front());
    pieces_.pop_front();
  }
}

}  // namespace strandline
