// Lets bytes pass at a rate, first come, first served: the token bucket behind
// `leader.replication.throttled.rate` and its like, over all streams of a broker.
//
// Who wants to send takes a place in line, as long as what it is going to send, and may send once
// all who stand before it have been paid for. So the first of a quiet line waits for nothing, the
// next waits for the bytes of the first, and nobody waits for one that came later, however many
// there are. Another rate holds from when it is set on, also for those who stand in line.
//
// Thread   one owner
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "protocol/base/clock.h"

namespace strandline {

inline constexpr std::int64_t kUnthrottled = std::numeric_limits<std::int64_t>::max();

class Throttle {
 public:
  // A place in line. The number means nothing by itself.
  using Place = std::uint64_t;

  Throttle() = default;

  // bytes_per_second   kUnthrottled: all may pass; 0: nobody, until another rate is set
  // Needs    bytes_per_second >= 0
  void set_rate(Instant now, std::int64_t bytes_per_second);
  std::int64_t rate() const { return rate_; }

  // What one turn is to take: a quarter of a second's worth, so that turns come often, but neither
  // so little that each is but a batch, nor more than is read at a time.
  std::uint64_t turn_bytes() const;

  // Takes the next place, `bytes` long.
  Place take(Instant now, std::uint64_t bytes);
  bool may_pass(Instant now, Place place);
  // When it may pass as things are; none: not at all at this rate.
  std::optional<Instant> passes_at(Instant now, Place place);

  // More was sent than was taken, or less (negative): others wait as much longer, or shorter.
  void correct(Instant now, std::int64_t bytes);

 private:
  void advance(Instant now);
  Duration time_for(std::uint64_t bytes) const;
  // What may be saved up while nobody sends.
  std::uint64_t burst_bytes() const;

  std::int64_t rate_ = kUnthrottled;
  std::uint64_t taken_ = 0;  // the length of the line since it began
  std::uint64_t paid_ = 0;   // of it, and of what may come, up to here
  Instant as_of_;            // when `paid_` was so much
};

}  // namespace strandline
