// Decides which of many like events are told: `burst` in each interval, counted per key.
//
// An interval begins with the first event after the last one ended. The table holds at most
// `keys_max` keys; when it is full, the longest idle one makes room, and its count is kept for
// take_ended().
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

  // The keys whose interval ended with events held back, and those that had to make room; each is
  // given once. Keys that have been quiet for an interval are forgotten.
  std::vector<Ended> take_ended(Instant now);

  // All that was held back and not told yet, for the end of the process.
  std::vector<Ended> take_all();

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
  std::map<std::string, std::uint64_t, std::less<>> displaced_;  // counts of keys that made room
};

}  // namespace strandline
