// The framing snappy-java puts around snappy blocks: 16 bytes, then blocks with their size before.
//
// Thread   constants
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace strandline::xerial {

inline constexpr std::array<unsigned char, 8> kMagic{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
inline constexpr std::int32_t kVersion = 1;
inline constexpr std::size_t kHeaderBytes = 16;  // magic, version, lowest compatible version
inline constexpr std::size_t kBlockBytes = 32UL * 1024;  // of plain bytes, as snappy-java does it

}  // namespace strandline::xerial
