#include "protocol/rpc/frame_decoder.h"

#include <cstdint>
#include <utility>

#include "protocol/base/errc.h"
#include "protocol/base/hash.h"

namespace strandline::rpc {
namespace {

// Positions of the header's fields.
constexpr std::size_t kVersionAt = 4;
constexpr std::size_t kKindAt = 5;
constexpr std::size_t kMethodAt = 6;
constexpr std::size_t kRequestIdAt = 8;
constexpr std::size_t kMessageBytesAt = 16;
constexpr std::size_t kAttachmentsAt = 20;
constexpr std::size_t kReservedAt = 22;
static_assert(kReservedAt + 2 == kHeaderBytes);

std::size_t frame_bytes(ByteView begun) {
  return kLengthBytes + load_be<std::uint32_t>(begun.data());
}

std::size_t message_bytes(ByteView begun) {
  return load_be<std::uint32_t>(begun.data() + kMessageBytesAt);
}

std::size_t attachments(ByteView begun) {
  return load_be<std::uint16_t>(begun.data() + kAttachmentsAt);
}

std::size_t message_at(ByteView begun) {
  return kHeaderBytes + attachments(begun) * kAttachmentLengthBytes;
}

// Where the attachments begin.
std::size_t head_bytes(ByteView begun) {
  return message_at(begun) + message_bytes(begun) + kChecksumBytes;
}

std::size_t attachment_bytes(ByteView begun, std::size_t index) {
  return load_be<std::uint32_t>(begun.data() + kHeaderBytes + index * kAttachmentLengthBytes);
}

FrameHeader header_of(ByteView begun) {
  return {.kind = static_cast<FrameKind>(begun[kKindAt]),
          .method = Method{load_be<std::uint16_t>(begun.data() + kMethodAt)},
          .request_id = load_be<std::uint64_t>(begun.data() + kRequestIdAt)};
}

}  // namespace

Result<void> FrameDecoder::check_length(ByteView begun) const {
  const std::size_t whole = frame_bytes(begun);
  if (whole > limits_.frame_bytes_max()) return Errc::frame_too_large;
  if (whole < kFrameBytesMin) return Errc::malformed_frame;
  return success();
}

Result<void> FrameDecoder::check_header(ByteView begun) const {
  if (attachments(begun) > limits_.attachments_max) return Errc::too_many_attachments;
  if (message_bytes(begun) > limits_.message_bytes_max) return Errc::frame_too_large;
  if (load_be<std::uint16_t>(begun.data() + kReservedAt) != 0) return Errc::malformed_frame;
  if (!is_valid(header_of(begun), message_bytes(begun), attachments(begun))) {
    return Errc::malformed_frame;
  }
  return success();
}

Result<void> FrameDecoder::check_attachments(ByteView begun) const {
  // At most 65,535 lengths of 32 bits: the sum does not wrap.
  std::size_t beside = 0;
  for (std::size_t i = 0; i < attachments(begun); ++i) beside += attachment_bytes(begun, i);
  if (beside > limits_.attachment_bytes_max) return Errc::frame_too_large;
  if (head_bytes(begun) + beside != frame_bytes(begun)) return Errc::malformed_frame;
  return success();
}

Result<bool> FrameDecoder::check_head(ByteView begun) {
  if (begun.size() < kLengthBytes) return false;
  STRANDLINE_TRYV(check_length(begun));
  if (begun.size() <= kVersionAt) return false;
  if (begun[kVersionAt] != std::byte{kFrameVersion}) return Errc::frame_version;
  if (begun.size() < kHeaderBytes) return false;
  STRANDLINE_TRYV(check_header(begun));
  if (begun.size() < message_at(begun)) return false;
  STRANDLINE_TRYV(check_attachments(begun));
  const std::size_t head = head_bytes(begun);
  if (begun.size() < head) return false;
  const std::size_t guarded = head - kChecksumBytes;
  if (load_be<std::uint64_t>(begun.data() + guarded) != xxh3(begun.first(guarded))) {
    return Errc::frame_checksum;
  }
  return true;
}

Result<std::optional<FrameView>> FrameDecoder::decode(ByteView begun) {
  if (!head_checked_) {
    STRANDLINE_TRY(head_checked_, check_head(begun));
    if (!head_checked_) return std::nullopt;
  }
  const std::size_t whole = frame_bytes(begun);
  if (begun.size() < whole) return std::nullopt;
  head_checked_ = false;
  FrameView frame{.header = header_of(begun),
                  .message = begun.subspan(message_at(begun), message_bytes(begun)),
                  .attachments = {},
                  .frame_bytes = whole};
  frame.attachments.reserve(attachments(begun));
  std::size_t position = head_bytes(begun);
  for (std::size_t i = 0; i < attachments(begun); ++i) {
    frame.attachments.push_back(begun.subspan(position, attachment_bytes(begun, i)));
    position += attachment_bytes(begun, i);
  }
  return std::optional<FrameView>{std::move(frame)};
}

}  // namespace strandline::rpc
