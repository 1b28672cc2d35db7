// Arbitrary bytes as what followers and leaders of partitions say.
#include <string>

#include "protocol/base/assertion.h"
#include "protocol/proto/replication_messages.h"

namespace strandline {
namespace {

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

}  // namespace
}  // namespace strandline

// The first byte chooses what is said.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace strandline;
  if (size == 0) return 0;
  const ByteView bytes{reinterpret_cast<const std::byte*>(data) + 1, size - 1};
  switch (data[0] % 3) {
    case 0: check_round_trip(bytes, decode_follower_entries, encode_follower_entries); break;
    case 1: check_round_trip(bytes, decode_leader_entries, encode_leader_entries); break;
    default: check_round_trip(bytes, decode_range_digest, encode_range_digest); break;
  }
  return 0;
}
