// The clocks of the drivers: the system's.
//
// Thread   any
#pragma once

#include <chrono>

#include "protocol/base/clock.h"

namespace strandline::client {

inline Instant steady_now() { return Instant{std::chrono::steady_clock::now().time_since_epoch()}; }

inline std::chrono::steady_clock::time_point on_steady_clock(Instant at) {
  return std::chrono::steady_clock::time_point{at.time_since_epoch()};
}

inline Timestamp wall_now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return Timestamp{std::chrono::duration_cast<std::chrono::milliseconds>(since).count()};
}

}  // namespace strandline::client
