// Arbitrary bytes as a stream of rpc frames, in pieces of any size, and as the messages of a
// handshake: as they are, and behind a length, a version and a checksum made right.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/assertion.h"
#include "protocol/base/hash.h"
#include "protocol/proto/rpc_messages.h"
#include "protocol/rpc/frame_decoder.h"
#include "protocol/rpc/frame_encoder.h"

namespace strandline {
namespace {

constexpr rpc::FrameLimits kLimits{
    .message_bytes_max = 200, .attachments_max = 4, .attachment_bytes_max = 400};

// What decodes comes back the same from its own encoding.
template <class Decode, class Encode>
void check_round_trip(ByteView bytes, Decode decode, Encode encode) {
  const auto value = decode(bytes);
  if (!value) return;
  const std::string written = encode(value.value());
  const auto again = decode(as_bytes(written));
  STRANDLINE_ASSERT(again.has_value());
  STRANDLINE_ASSERT(again.value() == value.value());
}

void check_messages(ByteView bytes) {
  check_round_trip(bytes, decode_rpc_hello, encode_rpc_hello);
  check_round_trip(bytes, decode_rpc_hello_reply, encode_rpc_hello_reply);
  check_round_trip(bytes, decode_rpc_error, encode_rpc_error);
  if (const auto reply = decode_rpc_hello_reply(bytes); reply && reply.value().refusal) {
    STRANDLINE_ASSERT(!refusal_name(reply.value().refusal->reason).empty());
  }
}

// A frame that was taken is one that a writer makes.
void check_frame(const rpc::FrameView& frame, ByteView bytes) {
  std::vector<std::uint64_t> lengths;
  for (const ByteView attachment : frame.attachments) lengths.push_back(attachment.size());
  wire::ByteBuffer head;
  const auto written = rpc::encode_frame_head(frame.header, frame.message, lengths, kLimits, head);
  STRANDLINE_ASSERT(written.has_value());
  STRANDLINE_ASSERT(std::ranges::equal(head.view(), bytes.first(head.size())));
  STRANDLINE_ASSERT(frame.frame_bytes <= bytes.size());
}

// In pieces of `step` bytes; returns when an error or the end is met. The same comes of it as when
// all is there at once.
void check_stream(ByteView bytes, std::size_t step) {
  rpc::FrameDecoder slow{kLimits};
  rpc::FrameDecoder fast{kLimits};
  std::size_t begin = 0;
  std::size_t end = 0;
  while (end < bytes.size()) {
    end = std::min(bytes.size(), end + step);
    const auto result = slow.decode(bytes.subspan(begin, end - begin));
    if (result.has_value() && !result.value().has_value()) continue;
    const auto at_once = fast.decode(bytes.subspan(begin));
    STRANDLINE_ASSERT(at_once.has_value() == result.has_value());
    if (!result) return;
    check_frame(*result.value(), bytes.subspan(begin, end - begin));
    STRANDLINE_ASSERT(at_once.value()->frame_bytes == result.value()->frame_bytes);
    begin += result.value()->frame_bytes;
    end = begin;
  }
}

std::byte* bytes_of(std::string& text) { return reinterpret_cast<std::byte*>(text.data()); }

// Makes right what chance would hardly ever: the length, the version and the checksum of the first
// frame.
std::string made_right(std::string frame) {
  if (frame.size() < rpc::kFrameBytesMin) return frame;
  store_be<std::uint32_t>(bytes_of(frame), static_cast<std::uint32_t>(frame.size() - 4));
  frame[4] = rpc::kFrameVersion;
  const std::size_t message = load_be<std::uint32_t>(bytes_of(frame) + 16);
  const std::size_t attachments = load_be<std::uint16_t>(bytes_of(frame) + 20);
  const std::size_t guarded = rpc::kHeaderBytes + 4 * attachments + message;
  if (guarded + rpc::kChecksumBytes <= frame.size()) {
    store_be<std::uint64_t>(bytes_of(frame) + guarded, xxh3(as_bytes(frame).first(guarded)));
  }
  return frame;
}

}  // namespace
}  // namespace strandline

// The first byte chooses, and is the size of the pieces.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace strandline;
  if (size == 0) return 0;
  const ByteView bytes{reinterpret_cast<const std::byte*>(data) + 1, size - 1};
  const std::size_t step = 1 + data[0] / 3;
  switch (data[0] % 3) {
    case 0: check_messages(bytes); break;
    case 1: check_stream(bytes, step); break;
    default: {
      const std::string frame = made_right(std::string{as_text(bytes)});
      check_stream(as_bytes(frame), step);
    }
  }
  return 0;
}
