// Arbitrary bytes as a checkpoint slot, its frames, a producer snapshot, a directory's identity and
// the guarded file around them: as they are, and behind checksums made right.
#include <string>
#include <vector>

#include "protocol/base/assertion.h"
#include "storage/checkpoint/checkpoint_slot.h"
#include "storage/checkpoint/guarded_file.h"
#include "tests/fuzz/storage/sections.h"

namespace strandline {
namespace {

constexpr FileKind kKind{.magic = "FUZZ", .version = 1};

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

void check_payloads(ByteView bytes) {
  check_round_trip(bytes, decode_producer_snapshot, encode_producer_snapshot);
  check_round_trip(bytes, decode_checkpoint_entries, encode_checkpoint_entries);
  check_round_trip(bytes, decode_directory_identity, encode_directory_identity);
  const auto sealed = seal(kKind, bytes);
  const auto back = unseal(kKind, sealed);
  STRANDLINE_ASSERT(back.has_value() && std::ranges::equal(back.value(), bytes));
}

// A slot of whole frames, then bytes as a crash may leave them.
void check_slot(Sections input) {
  const auto image_frames = static_cast<std::uint32_t>(input.number() % 4);
  constexpr std::uint64_t kGeneration = 7;
  std::vector<std::byte> slot = encode_slot_header(kGeneration, image_frames);
  const std::uint16_t frames = input.number() % 8;
  bool all_good = true;
  for (std::uint32_t number = 0; number < frames; ++number) {
    const ByteView payload = input.next();
    all_good = all_good && decode_checkpoint_entries(payload).has_value();
    append_slot_frame(slot, kGeneration, number, payload);
  }
  const std::uint64_t end = slot.size();
  const ByteView behind = input.next();
  slot.insert(slot.end(), behind.begin(), behind.end());
  const auto content = decode_slot(slot);
  STRANDLINE_ASSERT(content.has_value());
  if (!all_good) return;
  STRANDLINE_ASSERT(content.value().usable == (frames >= image_frames));
  if (!content.value().usable) return;
  STRANDLINE_ASSERT(content.value().generation == kGeneration);
  STRANDLINE_ASSERT(content.value().end >= end);
}

}  // namespace
}  // namespace strandline

// The first byte chooses.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace strandline;
  if (size == 0) return 0;
  const ByteView bytes{reinterpret_cast<const std::byte*>(data) + 1, size - 1};
  switch (data[0] % 4) {
    case 0: check_payloads(bytes); break;
    case 1: check_slot(Sections{bytes}); break;
    case 2: (void)decode_slot(bytes); break;
    default: (void)unseal(kKind, bytes); break;
  }
  return 0;
}
