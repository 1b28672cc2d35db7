#include "broker/partition/replication_throttle.h"

#include <algorithm>
#include <utility>

namespace strandline {
namespace {

// Whoever waits looks again after so long at the latest: the rate may have been raised.
constexpr Duration kLookAgain = std::chrono::milliseconds{500};

}  // namespace

void ReplicationThrottle::set_rate(Instant now, std::int64_t bytes_per_second) {
  const std::lock_guard lock{mutex_};
  throttle_.set_rate(now, bytes_per_second);
}

ReplicationThrottle::Turn ReplicationThrottle::stand_in_line(Instant now, std::int64_t beyond) {
  const std::lock_guard lock{mutex_};
  throttle_.correct(now, beyond);
  const std::uint64_t bytes = throttle_.turn_bytes();
  return {.place = throttle_.take(now, bytes), .bytes = bytes};
}

std::optional<Instant> ReplicationThrottle::waits_until(Instant now, const Turn& turn) {
  const std::lock_guard lock{mutex_};
  if (throttle_.may_pass(now, turn.place)) return std::nullopt;
  const Instant latest = now + kLookAgain;
  return std::min(throttle_.passes_at(now, turn.place).value_or(latest), latest);
}

AllowanceLine::AllowanceLine(ShardLoop& loop, ReplicationThrottle* throttle, Counter& counter,
                             Give give)
    : loop_(loop), throttle_(throttle), counter_(counter), give_(std::move(give)) {}

AllowanceLine::~AllowanceLine() {
  if (timer_) loop_.cancel(*timer_);
}

void AllowanceLine::ask(const AskAllowance& wanted) {
  if (throttle_ == nullptr) return give_(wanted.name, Throttle{}.turn_bytes());
  const auto same = std::ranges::find(waiting_, wanted.name.replica,
                                      [](const Waiting& one) { return one.name.replica; });
  if (same != waiting_.end()) {
    same->name = wanted.name;
  } else {
    waiting_.push_back({wanted.name, throttle_->stand_in_line(steady_now(), wanted.bytes_beyond)});
  }
  look();
}

// Who is given something may ask for more, and so come back here: that is for the end.
void AllowanceLine::look() {
  const Instant now = steady_now();
  std::optional<Instant> next;
  std::vector<Waiting> passed;
  std::erase_if(waiting_, [&](const Waiting& one) {
    const std::optional<Instant> until = throttle_->waits_until(now, one.turn);
    if (until) {
      next = std::min(next.value_or(*until), *until);
    } else {
      passed.push_back(one);
    }
    return !until;
  });
  if (next && (!timer_ || *next < timer_->due)) {
    if (timer_) loop_.cancel(*timer_);
    timer_ = loop_.after(std::max(*next - now, Duration{0}), [this] {
      timer_.reset();
      look();
    });
  }
  for (const Waiting& one : passed) {
    counter_.add(one.turn.bytes);
    give_(one.name, one.turn.bytes);
  }
}

}  // namespace strandline
