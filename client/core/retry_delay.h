// How long to wait before asking again (KIP-580): twice as long after each failure up to a bound,
// and a fifth more or less by chance, so that clients who failed together do not come back
// together.
//
// Thread   pure functions; the Prng has one owner
#pragma once

#include <algorithm>
#include <cstdint>

#include "protocol/base/clock.h"
#include "protocol/base/prng.h"

namespace strandline::client {

struct RetryDelay {
  Duration first = std::chrono::milliseconds{100};
  Duration max = std::chrono::seconds{1};

  // failures   in a row so far; 1 and less wait about `first`
  Duration after(std::int32_t failures, Prng& prng) const {
    constexpr std::int32_t kDoublingsMax = 30;
    const std::int32_t doublings = std::clamp(failures - 1, 0, kDoublingsMax);
    const std::int64_t whole =
        std::min<std::int64_t>(max.count(), first.count() * (std::int64_t{1} << doublings));
    const std::int64_t fifth = whole / 5;
    const auto chance = prng.below(static_cast<std::uint64_t>(2 * fifth) + 1);
    return Duration{whole - fifth + static_cast<std::int64_t>(chance)};
  }
};

}  // namespace strandline::client
