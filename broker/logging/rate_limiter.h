// Decides which of many like events are told: `burst` in each interval, counted per key.
//
// An interval begins with the first event after the last one ended. The table holds at most
// `keys_max` keys; when it is full, the longest idle one is forgotten (its count is reported first
// by take_ended() if the owner asks in time).
//
// Thread   one owner at a time; a core: time is an argument
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/clock.h"

namespace strandline {

class RateLimiter {
 public:
  struct Config {
    std::uint32_t burst = 5;
    Duration interval = std::chrono::seconds{10};
    std::size_t keys_max = 256;
  };

  struct Verdict {
    bool told = false;             // write this one
    std::uint64_t suppressed = 0;  // how many were held back before it, not told yet
  };

  struct Ended {
    std::string key;
    std::uint64_t suppressed = 0;
  };

  explicit RateLimiter(const Config& config) : config_(config) {}

  Verdict on_event(Instant now, std::string_view key);

  // The keys whose interval ended with events held back; each is given once, in order of key.
  // Keys that have been quiet for an interval are forgotten.
  std::vector<Ended> take_ended(Instant now);

  std::size_t keys() const { return windows_.size(); }

 private:
  struct Window {
    Instant start;
    std::uint32_t told = 0;
    std::uint64_t suppressed = 0;
  };

  void forget_oldest();

  Config config_;
  std::map<std::string, Window, std::less<>> windows_;
};

}  // namespace strandline
