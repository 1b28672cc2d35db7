#include "replication/partition/throttle.h"

#include <algorithm>
#include <cmath>

#include "protocol/base/assertion.h"

namespace strandline {
namespace {

constexpr std::uint64_t kTurnBytesMin = std::uint64_t{16} << 10;
constexpr std::uint64_t kTurnBytesMax = std::uint64_t{1} << 20;
constexpr std::uint64_t kTurnsPerSecond = 4;
// Longer than anybody waits, and far from where the clock's numbers end.
constexpr Duration kLongest = std::chrono::hours{24 * 365};
constexpr double kNanoseconds = 1e9;

}  // namespace

std::uint64_t Throttle::burst_bytes() const {
  return rate_ == kUnthrottled ? 0 : static_cast<std::uint64_t>(rate_) / kTurnsPerSecond;
}

std::uint64_t Throttle::turn_bytes() const {
  return std::clamp(static_cast<std::uint64_t>(rate_) / kTurnsPerSecond, kTurnBytesMin,
                    kTurnBytesMax);
}

Duration Throttle::time_for(std::uint64_t bytes) const {
  const double ns =
      std::ceil(static_cast<double>(bytes) * kNanoseconds / static_cast<double>(rate_));
  if (ns >= static_cast<double>(kLongest.count())) return kLongest;
  return Duration{static_cast<Duration::rep>(ns)};
}

// Only the time that whole bytes took is used up, or a low rate that is asked often would pay
// nothing.
void Throttle::advance(Instant now) {
  const std::uint64_t most = taken_ + burst_bytes();
  if (rate_ == kUnthrottled || paid_ >= most) {
    paid_ = most;
    as_of_ = std::max(as_of_, now);
    return;
  }
  if (now <= as_of_) return;
  if (rate_ == 0) {
    as_of_ = now;
    return;
  }
  const std::uint64_t room = most - paid_;
  const Duration elapsed = now - as_of_;
  if (elapsed >= time_for(room)) {
    paid_ = most;
    as_of_ = now;
    return;
  }
  const double earned =
      static_cast<double>(elapsed.count()) * static_cast<double>(rate_) / kNanoseconds;
  // What has been waited for to the nanosecond is there, whatever the product is rounded to.
  constexpr double kRounding = 1e-6;
  const std::uint64_t bytes = std::min(static_cast<std::uint64_t>(earned + kRounding), room);
  paid_ += bytes;
  as_of_ = std::min(now, as_of_ + time_for(bytes));
}

void Throttle::set_rate(Instant now, std::int64_t bytes_per_second) {
  STRANDLINE_ASSERT(bytes_per_second >= 0);
  if (bytes_per_second == rate_) return;
  advance(now);
  rate_ = bytes_per_second;
  advance(now);
}

Throttle::Place Throttle::take(Instant now, std::uint64_t bytes) {
  advance(now);
  const Place place = taken_;
  taken_ += bytes;
  advance(now);
  return place;
}

bool Throttle::may_pass(Instant now, Place place) {
  advance(now);
  return rate_ != 0 && paid_ >= place;
}

std::optional<Instant> Throttle::passes_at(Instant now, Place place) {
  if (may_pass(now, place)) return now;
  if (rate_ == 0) return std::nullopt;
  return as_of_ + time_for(place - paid_);
}

// The places that were given stay what they are.
void Throttle::correct(Instant now, std::int64_t bytes) {
  if (bytes >= 0) {
    taken_ += static_cast<std::uint64_t>(bytes);
  } else {
    paid_ += static_cast<std::uint64_t>(-bytes);
  }
  advance(now);
}

}  // namespace strandline
