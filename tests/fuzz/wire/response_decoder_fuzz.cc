// Arbitrary bytes as the answer a client gets: API key and version (int16 each), then the frame
// without its size. What decodes must come back the same from its own encoding.
#include "protocol/base/assertion.h"
#include "protocol/wire/api_table.h"
#include "protocol/wire/frame.h"
#include "tests/fuzz/wire/reencode.h"

namespace strandline::wire {
namespace {

constexpr std::size_t kChoiceBytes = 4;

template <Message M>
void check_response(ByteView frame, std::int16_t version) {
  const auto header = decode_response_header(frame, M::kApi, version);
  if (!header.has_value()) return;
  const auto message = decode_within_budget<M>(header.value().body, version);
  if (!message) return;
  EncodedFrame sent;
  encode_response(*message, version, header.value().correlation_id, sent);
  const auto again =
      decode_response_header(sent.buffer.view().subspan(kFrameSizeBytes), M::kApi, version);
  STRANDLINE_ASSERT(again.has_value());
  STRANDLINE_ASSERT(again.value().correlation_id == header.value().correlation_id);
  check_same_message(*message, version, again.value().body);
}

void check_answer(ByteView input) {
  if (input.size() < kChoiceBytes) return;
  const ApiInfo* const api = find_api(load_be<std::int16_t>(input.data()));
  const auto version = load_be<std::int16_t>(input.data() + 2);
  if (api == nullptr || !api->served.contains(version)) return;
  const ByteView frame = input.subspan(kChoiceBytes);
  switch (api->key) {
#define X(name) \
  case k##name##Api.key: return check_response<name##Response>(frame, version);
    STRANDLINE_WIRE_APIS(X)
#undef X
  }
}

}  // namespace
}  // namespace strandline::wire

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  strandline::wire::check_answer({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
