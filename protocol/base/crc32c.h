// CRC-32C (Castagnoli), the checksum of record batches. Runs at memory speed: ISA-L picks the best
// instructions of this processor at run time.
//
// Thread   any
#pragma once

#include <cstdint>

#include "protocol/base/bytes.h"

namespace strandline {

// Of "123456789": 0xe3069283.
std::uint32_t crc32c(ByteView bytes);

// The checksum of a||b from the checksum of a and the bytes of b.
std::uint32_t crc32c_extend(std::uint32_t crc_of_a, ByteView b);

}  // namespace strandline
