// How fast replicas that are not in sync are sent batches, over all partitions of a broker: one
// line for what it sends as a leader, one for what it is sent as a follower (KIP-73).
//
// Streams of one role ask through an AllowanceLine, and are told when it is their turn. The rule is
// Throttle's; here are the lock, the clock and the timers.
//
// Thread   ReplicationThrottle: any; its lock is taken for throttled streams alone, once for each
//          piece they are sent. AllowanceLine: the shard
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "broker/metrics/counter.h"
#include "broker/runtime/shard_loop.h"
#include "protocol/base/ids.h"
#include "replication/partition/replica.h"
#include "replication/partition/throttle.h"

namespace strandline {

class ReplicationThrottle {
 public:
  // A place in line, and how much may be sent when it is reached.
  struct Turn {
    Throttle::Place place = 0;
    std::uint64_t bytes = 0;
  };

  // Needs    bytes_per_second >= 0
  void set_rate(Instant now, std::int64_t bytes_per_second);

  // beyond   what was sent beyond earlier turns, or less, below 0
  Turn stand_in_line(Instant now, std::int64_t beyond);
  // When it is to be asked again; none: it may pass. Never long, for the rate may change.
  std::optional<Instant> waits_until(Instant now, const Turn& turn);

 private:
  std::mutex mutex_;
  Throttle throttle_;
};

struct ReplicationThrottles {
  ReplicationThrottle leader;
  ReplicationThrottle follower;
  ReplicationThrottle scrub;  // what Scrubbers read
};

class AllowanceLine {
 public:
  using Give = std::function<void(const StreamName& name, std::uint64_t bytes)>;

  // throttle   nullptr: everything is allowed at once
  // counter    of bytes allowed
  // give       called when it is a stream's turn, maybe inside ask()
  AllowanceLine(ShardLoop& loop, ReplicationThrottle* throttle, Counter& counter, Give give);
  ~AllowanceLine();
  AllowanceLine(const AllowanceLine&) = delete;
  AllowanceLine& operator=(const AllowanceLine&) = delete;

  // A later stream of a replica has the place of the one before.
  void ask(const AskAllowance& wanted);

 private:
  struct Waiting {
    StreamName name;
    ReplicationThrottle::Turn turn;
  };

  void look();

  ShardLoop& loop_;
  ReplicationThrottle* const throttle_;
  Counter& counter_;
  const Give give_;
  std::vector<Waiting> waiting_;
  std::optional<TimerId> timer_;
};

}  // namespace strandline
