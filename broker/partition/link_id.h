// The number of a connection to another broker's shard.
//
// Thread   values
#pragma once

#include <cstdint>

namespace strandline {

// No number comes twice on a shard.
using LinkId = std::uint64_t;
inline constexpr LinkId kNoLink = 0;

}  // namespace strandline
