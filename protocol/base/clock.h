// Two clocks that must not be mixed up. Cores get both as arguments and never read one.
//
// Thread   values, no state
#pragma once

#include <chrono>
#include <cstdint>

#include "protocol/base/strong.h"

namespace strandline {

using Duration = std::chrono::nanoseconds;

// Monotonic time of one process or one simulation. Only differences mean anything.
struct SteadyClockTag {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = Duration;
  using time_point = std::chrono::time_point<SteadyClockTag, Duration>;
  static constexpr bool is_steady = true;
};
using Instant = std::chrono::time_point<SteadyClockTag, Duration>;

// Wall-clock time in milliseconds since 1970-01-01 UTC, as records carry it; -1 is "none".
using Timestamp = StrongPoint<struct TimestampTag, std::int64_t>;
inline constexpr Timestamp kNoTimestamp{-1};

}  // namespace strandline
