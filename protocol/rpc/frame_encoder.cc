#include "protocol/rpc/frame_encoder.h"

#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"
#include "protocol/base/hash.h"

namespace strandline::rpc {
namespace {

template <class T>
void put(wire::ByteBuffer& out, T value) {
  store_be<T>(out.extend(sizeof(T)), value);
}

}  // namespace

Result<void> encode_frame_head(const FrameHeader& header, ByteView message,
                               std::span<const std::uint64_t> attachment_bytes,
                               const FrameLimits& limits, wire::ByteBuffer& out) {
  STRANDLINE_ASSERT(is_valid(header, message.size(), attachment_bytes.size()));
  if (attachment_bytes.size() > limits.attachments_max) return Errc::too_many_attachments;
  if (message.size() > limits.message_bytes_max) return Errc::frame_too_large;
  std::uint64_t beside = 0;
  for (const std::uint64_t bytes : attachment_bytes) {
    // One by one, so that no sum can wrap.
    if (bytes > limits.attachment_bytes_max - beside) return Errc::frame_too_large;
    beside += bytes;
  }
  const std::size_t head =
      kFrameBytesMin + attachment_bytes.size() * kAttachmentLengthBytes + message.size();
  const std::size_t begin = out.size();
  out.reserve(begin + head);
  put(out, static_cast<std::uint32_t>(head + beside - kLengthBytes));
  put(out, kFrameVersion);
  put(out, static_cast<std::uint8_t>(header.kind));
  put(out, header.method.value());
  put(out, header.request_id);
  put(out, static_cast<std::uint32_t>(message.size()));
  put(out, static_cast<std::uint16_t>(attachment_bytes.size()));
  put(out, std::uint16_t{0});
  for (const std::uint64_t bytes : attachment_bytes) put(out, static_cast<std::uint32_t>(bytes));
  out.append(message);
  put(out, xxh3(out.view().subspan(begin)));
  STRANDLINE_ASSERT(out.size() - begin == head);
  return success();
}

}  // namespace strandline::rpc
