// The frame in which brokers talk to each other: a small header, one Protobuf message, and record
// batches beside it as they lie in the log. Format: docs/formats/rpc.md
//
// Thread   values, no state
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/strong.h"

namespace strandline::rpc {

// Which call of a service. 0 is for frames that belong to the connection itself.
using Method = StrongId<struct MethodTag, std::uint16_t>;
inline constexpr Method kNoMethod{0};

// The numbers are those on the wire.
enum class FrameKind : std::uint8_t {
  hello = 1,        // the first frame of who connected
  hello_reply = 2,  // its answer
  request = 3,
  response = 4,  // the answer to a request that went well
  error = 5,     // the answer to one that did not
  one_way = 6,   // is not answered; kept in order
  ping = 7,      // "I am here"
  pong = 8,
};

struct FrameHeader {
  FrameKind kind = FrameKind::ping;
  Method method = kNoMethod;     // of requests, their answers, and one-way messages
  std::uint64_t request_id = 0;  // of requests and their answers, never 0; of a ping, its number

  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

// Whether a writer that keeps the rules makes frames like this one.
bool is_valid(const FrameHeader& header, std::size_t message_bytes, std::size_t attachments);

inline constexpr std::uint8_t kFrameVersion = 1;
inline constexpr std::size_t kLengthBytes = 4;
inline constexpr std::size_t kHeaderBytes = 24;
inline constexpr std::size_t kAttachmentLengthBytes = 4;
inline constexpr std::size_t kChecksumBytes = 8;
inline constexpr std::size_t kFrameBytesMin = kHeaderBytes + kChecksumBytes;

// What one frame may hold. Both sides keep the same bounds: a sender is told before anything is
// sent, a receiver takes a larger frame for a stream that is out of step.
struct FrameLimits {
  std::size_t message_bytes_max = std::size_t{4} << 20;
  std::size_t attachments_max = 1024;
  // Of all attachments together.
  std::size_t attachment_bytes_max = std::size_t{64} << 20;

  // The whole frame with its length.
  constexpr std::size_t frame_bytes_max() const {
    return kFrameBytesMin + attachments_max * kAttachmentLengthBytes + message_bytes_max +
           attachment_bytes_max;
  }
};

// One whole frame; the views are into the bytes it was decoded from.
struct FrameView {
  FrameHeader header;
  ByteView message;
  std::vector<ByteView> attachments;
  std::size_t frame_bytes = 0;  // all of it
};

}  // namespace strandline::rpc
