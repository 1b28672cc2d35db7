// Arbitrary bytes as a request frame (without its size). What decodes must encode, decode again to
// the same message, and encode again to the same bytes.
#include "protocol/base/assertion.h"
#include "protocol/wire/frame.h"
#include "tests/fuzz/wire/reencode.h"

namespace strandline::wire {
namespace {

void check_prefix(ByteView frame) {
  const auto prefix = decode_request_prefix(frame);
  STRANDLINE_ASSERT(prefix.has_value() == (frame.size() >= 8));
  if (frame.size() < kFrameSizeBytes) return;
  const auto size = decode_frame_size(frame, frame.size());
  STRANDLINE_ASSERT(!size.has_value() || size.value() <= frame.size());
}

template <Message M>
void check_request(const RequestHeader& header) {
  const auto message = decode_within_budget<M>(header.body, header.version);
  if (!message) return;
  EncodedFrame sent;
  encode_request(*message, header.version, header.correlation_id, header.client_id, sent);
  const ByteView frame = sent.buffer.view();
  const auto again = decode_request_header(frame.subspan(kFrameSizeBytes));
  STRANDLINE_ASSERT(again.has_value());
  STRANDLINE_ASSERT(again.value().api == header.api);
  STRANDLINE_ASSERT(again.value().client_id == header.client_id);
  check_same_message(*message, header.version, again.value().body);
}

void check_frame(ByteView frame) {
  check_prefix(frame);
  DecodeFailure failure;
  const auto header = decode_request_header(frame, &failure);
  if (!header.has_value()) return;
  switch (header.value().api->key) {
#define X(name) \
  case k##name##Api.key: return check_request<name##Request>(header.value());
    STRANDLINE_WIRE_APIS(X)
#undef X
  }
}

}  // namespace
}  // namespace strandline::wire

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  strandline::wire::check_frame({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
