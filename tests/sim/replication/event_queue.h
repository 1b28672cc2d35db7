// Virtual time: what is to happen, in order. Events of the same time keep the order they were made
// in, so that a seed means one run.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "protocol/base/clock.h"

namespace strandline::partition_sim {

class EventQueue {
 public:
  Instant now() const { return now_; }
  bool empty() const { return events_.empty(); }
  std::uint64_t events_run() const { return events_run_; }

  void after(Duration delay, std::function<void()> event) { at(now_ + delay, std::move(event)); }
  void at(Instant time, std::function<void()> event) {
    events_.emplace(std::pair{time < now_ ? now_ : time, ++made_}, std::move(event));
  }

  // Runs the next event; false when it would be at or beyond `end`, which is the time then.
  bool run_next(Instant end) {
    if (events_.empty() || events_.begin()->first.first >= end) {
      now_ = end;
      return false;
    }
    auto next = events_.extract(events_.begin());
    now_ = next.key().first;
    ++events_run_;
    next.mapped()();
    return true;
  }

 private:
  Instant now_;
  std::uint64_t made_ = 0;
  std::uint64_t events_run_ = 0;
  std::map<std::pair<Instant, std::uint64_t>, std::function<void()>> events_;
};

}  // namespace strandline::partition_sim
