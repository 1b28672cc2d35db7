// What goes over a connection between brokers: what is to be sent, and what was received.
//
// Thread   the connection's loop
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "broker/net/frame_reader.h"
#include "broker/net/output_queue.h"
#include "protocol/base/bytes.h"
#include "protocol/rpc/frame.h"

namespace strandline {

class RpcChannel;

// To be sent: a message, and batches beside it. Each attachment is one piece, from memory or a
// slice of a file; neither is copied.
struct RpcPayload {
  std::string message;
  std::vector<OutputPiece> attachments;
};

// A share in the bytes that a connection may have received and not been rid of yet.
class RpcHold {
 public:
  RpcHold() = default;
  RpcHold(std::shared_ptr<RpcChannel> channel, std::uint64_t bytes);
  RpcHold(RpcHold&&) noexcept = default;
  RpcHold& operator=(RpcHold other) noexcept {
    std::swap(channel_, other.channel_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~RpcHold();

 private:
  std::shared_ptr<RpcChannel> channel_;
  std::uint64_t bytes_ = 0;
};

// A frame that was received. While it lives its bytes count against the connection's
// held_bytes_max: one that is kept stops the other side in the end. It must not outlive the loop's
// RpcContext.
class RpcMessage {
 public:
  RpcMessage() = default;
  RpcMessage(Frame frame, rpc::FrameView view, RpcHold hold)
      : frame_(std::move(frame)), view_(std::move(view)), hold_(std::move(hold)) {}

  const rpc::FrameHeader& header() const { return view_.header; }
  rpc::Method method() const { return view_.header.method; }
  // Protobuf bytes; header and message were checked against the frame's checksum.
  ByteView message() const { return view_.message; }
  // Record batches as they were sent. They carry a checksum of their own, which is the receiver's
  // to check.
  std::span<const ByteView> attachments() const { return view_.attachments; }

 private:
  Frame frame_;
  rpc::FrameView view_;
  RpcHold hold_;
};

}  // namespace strandline
