#include "broker/logging/rate_limiter.h"

#include <algorithm>
#include <utility>

namespace strandline {

RateLimiter::Verdict RateLimiter::on_event(Instant now, std::string_view key) {
  auto it = windows_.find(key);
  if (it == windows_.end()) {
    if (windows_.size() >= config_.keys_max) forget_oldest();
    it = windows_.emplace(std::string{key}, Window{.start = now}).first;
  }
  Window& window = it->second;
  std::uint64_t carried = 0;
  if (now - window.start >= config_.interval) {
    carried = std::exchange(window.suppressed, 0);
    window.start = now;
    window.told = 0;
  }
  if (window.told < config_.burst) {
    ++window.told;
    return {.told = true, .suppressed = carried};
  }
  ++window.suppressed;
  return {};
}

std::vector<RateLimiter::Ended> RateLimiter::take_ended(Instant now) {
  std::vector<Ended> ended;
  for (auto& [key, suppressed] : displaced_) ended.push_back({key, suppressed});
  displaced_.clear();
  for (auto it = windows_.begin(); it != windows_.end();) {
    if (now - it->second.start < config_.interval) {
      ++it;
      continue;
    }
    if (it->second.suppressed > 0) ended.push_back({it->first, it->second.suppressed});
    it = windows_.erase(it);
  }
  return ended;
}

std::vector<RateLimiter::Ended> RateLimiter::take_all() {
  std::vector<Ended> all;
  for (auto& [key, suppressed] : displaced_) all.push_back({key, suppressed});
  displaced_.clear();
  for (auto& [key, window] : windows_) {
    if (window.suppressed > 0) all.push_back({key, std::exchange(window.suppressed, 0)});
  }
  return all;
}

void RateLimiter::forget_oldest() {
  const auto oldest = std::min_element(
      windows_.begin(), windows_.end(),
      [](const auto& a, const auto& b) { return a.second.start < b.second.start; });
  if (oldest == windows_.end()) return;
  // At most as many as windows: keys are literals of ours.
  const bool room = displaced_.size() < config_.keys_max || displaced_.contains(oldest->first);
  if (oldest->second.suppressed > 0 && room) {
    displaced_[oldest->first] += oldest->second.suppressed;
  }
  windows_.erase(oldest);
}

}  // namespace strandline
