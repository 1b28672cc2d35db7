// Arbitrary bytes as something compressed, and as something to compress.
#include <algorithm>
#include <vector>

#include "protocol/base/assertion.h"
#include "protocol/record/compression.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace strandline;
  static Decompressor decompressor;
  static Compressor compressor;
  constexpr std::size_t kBytesMax = 256UL * 1024;
  if (size == 0) return 0;
  const auto codec = static_cast<Codec>(data[0] % 5);
  const ByteView bytes{reinterpret_cast<const std::byte*>(data) + 1, size - 1};
  // An exact copy, so that the sanitizer sees one byte read beyond.
  const std::vector<std::byte> copy(bytes.begin(), bytes.end());
  if ((data[0] & 0x80U) == 0) {
    const auto plain = decompressor.decompress(codec, copy, kBytesMax);
    STRANDLINE_ASSERT(!plain || plain.value().size() <= kBytesMax);
    STRANDLINE_ASSERT(decompressor.buffer_bytes() <= kBytesMax + 1);
    return 0;
  }
  if (bytes.size() > kBytesMax) return 0;
  std::vector<std::byte> packed;
  // Empty records are never compressed: a batch without any has no region at all.
  if (copy.empty()) return 0;
  compressor.compress(codec, copy, static_cast<int>((data[0] >> 4) & 0x7U) - 1, packed);
  const auto back = decompressor.decompress(codec, packed, kBytesMax);
  STRANDLINE_ASSERT(back.has_value());
  STRANDLINE_ASSERT(std::ranges::equal(back.value(), copy));
  return 0;
}
