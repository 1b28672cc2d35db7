// What lets a broker say that up to a time nobody else led what it leads.
//
// A broker numbers its heartbeats and notes when it sent each. The controller notes where the
// metadata log ended as each came, and vouches for one once a majority of the quorum has shown that
// it still led at that moment: all that was decided before is in the log below that end. A broker
// whose image has that end and still names it a partition's leader was the only leader there when
// it sent the heartbeat. Neither clock is compared with another.
//
// Thread   one owner each
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "protocol/base/clock.h"
#include "protocol/base/ids.h"

namespace strandline {

// A heartbeat that the controller vouches for; number 0: none yet.
struct VouchedHeartbeat {
  std::uint64_t number = 0;
  Offset metadata_end{0};

  friend bool operator==(const VouchedHeartbeat&, const VouchedHeartbeat&) = default;
};

// The controller's part, for one term of it.
class HeartbeatLedger {
 public:
  // Heartbeats of a broker that may wait for the quorum; older ones are forgotten.
  static constexpr std::size_t kWaitingMax = 16;

  // A heartbeat came; returns the newest of this registration that can be vouched for.
  //
  // metadata_end   of the log as it is now, decided or not
  // led_at         until when this controller is known to have led, see Quorum::led_at()
  VouchedHeartbeat on_heartbeat(Instant now, BrokerId broker, std::int64_t broker_epoch,
                                std::uint64_t number, Offset metadata_end, Instant led_at);

 private:
  struct Waiting {
    std::uint64_t number;
    Instant came;
    Offset metadata_end;
  };
  struct Broker {
    std::int64_t epoch = -1;
    std::deque<Waiting> waiting;  // oldest first
    VouchedHeartbeat vouched;
  };

  std::map<BrokerId, Broker> brokers_;
};

// A moment at a broker: the time of day, which may be set back, and the clock that only goes on.
struct BrokerMoment {
  Timestamp wall = kNoTimestamp;
  Instant steady = Instant::min();

  friend bool operator==(const BrokerMoment&, const BrokerMoment&) = default;
};

// The broker's part.
class BrokerTime {
 public:
  // A heartbeat goes out; returns its number, which is never 0.
  std::uint64_t on_send(const BrokerMoment& now);

  // When a heartbeat that the controller vouches for was sent; none: of another life, or of long
  // ago. To be believed once the image has `metadata_end`.
  std::optional<BrokerMoment> sent_at(const VouchedHeartbeat& vouched) const;

 private:
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, BrokerMoment> sent_;
};

}  // namespace strandline
