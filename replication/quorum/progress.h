// What a leader knows of one follower of the metadata log.
//
// Thread   values, no state
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "protocol/base/clock.h"
#include "protocol/base/ids.h"

namespace strandline {

struct Progress {
  Offset next{0};     // sent next, if the follower has what was sent before
  Offset flushed{0};  // on its disk, and the same as here
  std::uint64_t incarnation = 0;
  std::uint64_t sent_round = 0;
  std::uint64_t answered_round = 0;
  // Answers to earlier rounds say nothing about `next`: it was set anew since.
  std::uint64_t reset_round = 0;
  std::optional<Instant> heard;
  // A round whose answer is waited for, and when it was sent; 0: none.
  std::uint64_t asked_round = 0;
  Instant asked_at{};
  // It answered what was sent then: until then it had followed nobody later.
  std::optional<Instant> followed_at;
  // It needs a snapshot, and has this much of it.
  std::optional<std::uint64_t> snapshot_position;
  Offset snapshot_offset{0};  // which one

  std::uint64_t in_flight() const { return sent_round - answered_round; }

  // An answer to a round came, in the leader's epoch.
  void answered(std::uint64_t round) {
    answered_round = std::max(answered_round, round);
    if (asked_round == 0 || round < asked_round) return;
    followed_at = asked_at;
    asked_round = 0;
  }

  void go_to(Offset offset) {
    next = offset;
    reset_round = sent_round;
  }
};

}  // namespace strandline
