// Arbitrary bytes as what brokers ask of the controller, and as its answers: a byte that chooses,
// the message, and its attachments, each behind a length. What decodes comes back the same from its
// own encoding.
#include <vector>

#include "broker/controller/controller_messages.h"
#include "protocol/base/assertion.h"
#include "tests/fuzz/storage/sections.h"

namespace strandline {
namespace {

template <class Decode, class Encode>
void check_round_trip(Sections input, Decode decode, Encode encode) {
  const ByteView message = input.next();
  std::vector<ByteView> attachments;
  while (!input.empty()) attachments.push_back(input.next());
  const auto value = decode(message, attachments);
  if (!value) return;
  const ControllerFrame written = encode(value.value());
  attachments.clear();
  if (!written.attachment.empty()) attachments.emplace_back(written.attachment);
  const auto again = decode(as_bytes(written.message), attachments);
  STRANDLINE_ASSERT(again.has_value());
  const ControllerFrame rewritten = encode(again.value());
  STRANDLINE_ASSERT(rewritten.message == written.message);
  STRANDLINE_ASSERT(rewritten.attachment == written.attachment);
}

}  // namespace
}  // namespace strandline

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace strandline;
  if (size == 0) return 0;
  const Sections input{{reinterpret_cast<const std::byte*>(data) + 1, size - 1}};
  if (data[0] % 2 == 0) {
    check_round_trip(input, decode_controller_request, encode_controller_request);
  } else {
    check_round_trip(input, decode_controller_reply, encode_controller_reply);
  }
  return 0;
}
