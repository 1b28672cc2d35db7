// Cuts a byte stream into length-prefixed frames, without trusting the length: memory grows with
// what has arrived, never with what was announced.
//
// Thread   one shard
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "broker/net/buffer_pool.h"
#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

namespace strandline {

// One whole frame without its length prefix. The bytes live while `memory` is held, and are the
// holder's to change: no other frame shares them.
struct Frame {
  BufferRef memory;
  MutableByteView bytes;
};

class FrameReader {
 public:
  // pool              outlives the reader
  // frame_bytes_max   a longer announced frame is refused
  FrameReader(BufferPool& pool, std::size_t frame_bytes_max)
      : pool_(pool), frame_bytes_max_(frame_bytes_max) {}

  // Where the next bytes of the stream go; never empty. Follow with received().
  MutableByteView space();
  void received(std::size_t count) { filled_ += count; }

  // The next whole frame, or nothing when more bytes are needed.
  //
  // Errors   frame_too_large   the length is negative or over the limit; the stream is lost.
  //                            pending() still begins with that length
  Result<std::optional<Frame>> next();

  // Received bytes that belong to no whole frame yet.
  ByteView pending() const;

  // For when no more bytes are there to be received: lets go of the buffer when nothing is pending,
  // and keeps the few bytes of a frame that has only begun in a small one, so that ten thousand
  // connections of that kind hold little.
  void release_spare();

 private:
  static constexpr std::size_t kLengthBytes = 4;
  static constexpr std::size_t kFirstBytes = std::size_t{16} << 10;
  // Copying no more than this costs nothing beside the system call that brought it.
  static constexpr std::size_t kHeldSmallBytesMax = std::size_t{4} << 10;
  // Room that a peer is given for having used it before: a full produce request. More would let a
  // connection that sent one huge frame hold as much for each small one after it.
  static constexpr std::size_t kTrustedBytesMax = std::size_t{2} << 20;

  // Room for the frame that has begun, as far as its received part justifies.
  std::size_t room_wanted() const;

  BufferPool& pool_;
  const std::size_t frame_bytes_max_;
  BufferRef buffer_;
  std::size_t start_ = 0;   // of the pending bytes in the buffer
  std::size_t filled_ = 0;  // end of the pending bytes
  std::size_t largest_frame_ = 0;
};

}  // namespace strandline
