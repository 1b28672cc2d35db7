#include "protocol/base/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>

namespace strandline {

std::uint32_t crc32c_extend(std::uint32_t crc_of_a, ByteView b) {
  // ISA-L takes an int length, keeps the running value uninverted and does not write to the buffer
  // although its signature says so.
  std::uint32_t state = ~crc_of_a;
  while (!b.empty()) {
    const std::size_t take = std::min<std::size_t>(b.size(), 1U << 30);
    auto* data = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(b.data()));
    state = crc32_iscsi(data, static_cast<int>(take), state);
    b = b.subspan(take);
  }
  return ~state;
}

std::uint32_t crc32c(ByteView bytes) { return crc32c_extend(0, bytes); }

}  // namespace strandline
