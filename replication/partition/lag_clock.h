// Tells since when a follower does not hold all that its leader has.
//
// Under load a follower never holds the very last record, so it is not asked for the end of the log
// as it is, but as it was: the clock remembers one end with its time, and when the follower has
// reached it, the follower was caught up as of that time.
//
// Thread   one owner
#pragma once

#include <algorithm>
#include <optional>

#include "protocol/base/clock.h"
#include "protocol/base/ids.h"

namespace strandline {

class LagClock {
 public:
  // The follower holds everything the leader had then; none: it never did.
  std::optional<Instant> caught_up_at() const { return caught_up_at_; }

  void set_caught_up(Instant now) {
    caught_up_at_ = std::max(caught_up_at_.value_or(now), now);
    mark_.reset();
  }

  // The leader's log grew to `log_end`, the follower safely holds all below `safe_end`.
  void on_append(Instant now, Offset safe_end, Offset end_before, Offset log_end) {
    if (safe_end < end_before) return;
    set_caught_up(now);
    mark_ = Mark{now, log_end};
  }

  // The follower safely holds all below `safe_end`.
  void on_progress(Instant now, Offset safe_end, Offset log_end) {
    if (safe_end >= log_end) return set_caught_up(now);
    if (mark_.has_value() && safe_end < mark_->log_end) return;
    if (mark_.has_value()) {
      caught_up_at_ = std::max(caught_up_at_.value_or(mark_->time), mark_->time);
    }
    mark_ = Mark{now, log_end};
  }

 private:
  friend class StateWriter;  // tests/sim/search tells states apart by all there is

  struct Mark {
    Instant time;
    Offset log_end;
  };

  std::optional<Instant> caught_up_at_;
  std::optional<Mark> mark_;  // an end it has not reached yet, and when it was the end
};

}  // namespace strandline
