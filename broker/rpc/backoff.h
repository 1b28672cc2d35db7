// How long to wait before the next try: twice as long after each failure, up to a bound, and never
// the same for two brokers, so that those who lost a third together do not come back in step.
//
// Thread   one owner
#pragma once

#include <algorithm>
#include <cstdint>

#include "protocol/base/clock.h"
#include "protocol/base/prng.h"

namespace strandline {

class Backoff {
 public:
  struct Config {
    Duration first = std::chrono::milliseconds{20};
    // Short, because it is also how long a healed network stays unused.
    Duration max = std::chrono::milliseconds{150};
  };

  Backoff(const Config& config, std::uint64_t seed)
      : config_(config), prng_(seed), step_(config.first) {}

  // From a half of the present step to the whole of it.
  Duration next() {
    const Duration step = step_;
    step_ = std::min(config_.max, step_ * 2);
    const auto half = static_cast<std::uint64_t>(step.count() / 2);
    return step - Duration{static_cast<std::int64_t>(prng_.below(half + 1))};
  }

  // After a success.
  void reset() { step_ = config_.first; }

 private:
  Config config_;
  Prng prng_;
  Duration step_;
};

}  // namespace strandline
