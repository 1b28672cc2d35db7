// Which brokers are alive, as the active controller sees it.
//
// A broker has a session from its registration on, and prolongs it by heartbeats. The session ends,
// and the broker is to be fenced, when
//
//   nothing was heard for session_timeout                    it hangs, or is cut off
//   a connection broke and nobody listens at its address     its process is gone: at once
//   it said that it has ended in order
//
// A broken connection alone says little (a cable, a full queue), so the broker is probed: somebody
// connects to its rpc address. Only a refused connection is proof, as a host answers it for a
// process that is no more; silence is waited out.
//
// Time in which the controller itself stood still does not count against anybody: the words that
// would have prolonged a session may lie unread. So the owner is called every wake_interval, and
// when it comes much later than asked, all sessions are prolonged by that time.
//
// Thread   one owner
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "protocol/base/clock.h"
#include "protocol/base/ids.h"
#include "replication/metadata/image.h"

namespace strandline {

struct BrokerSessionsConfig {
  // Four heartbeats, which come each 250 ms: three may be lost or late.
  Duration session_timeout = std::chrono::milliseconds{1000};
  // What the controller before has at least, of which nothing is left of its session: brokers send
  // a heartbeat as soon as they hear of a new one.
  Duration deposed_wait = std::chrono::milliseconds{100};
  Duration probe_interval = std::chrono::milliseconds{100};  // between probes of one broker, least
  Duration wake_interval = std::chrono::milliseconds{100};
  // A call that comes later than asked by more than this shows that the controller stood still.
  Duration lateness_max = std::chrono::milliseconds{100};
  // How often a session is prolonged for that, without a word of the broker: a controller that is
  // always late still finds out who is gone, as if each time were one wake_interval of silence.
  int extensions_max = 10;
};

enum class SessionAnswer : std::uint8_t {
  known,        // the session goes on
  stale_epoch,  // the broker has registered again since
  unknown,      // it is not registered, or was seen to be gone: it has to register
};

enum class ProbeResult : std::uint8_t {
  refused,  // its host says that nobody listens there
  alive,    // the connection was made
  silent,   // neither in time; no route, no such name, and whatever else went wrong
};

enum class FenceReason : std::uint8_t {
  silence,       // the session ran out
  process_gone,  // a probe was refused
  ended,         // it said so
};

// --- effects

// Connects to the broker's rpc address at once, then on_probe() in any case.
struct ProbeBroker {
  BrokerId broker;
  std::int64_t broker_epoch;

  friend bool operator==(const ProbeBroker&, const ProbeBroker&) = default;
};
// The session is over: Controller::fence_broker(), if it still has this epoch.
struct FenceBroker {
  BrokerId broker;
  std::int64_t broker_epoch;
  FenceReason reason;

  friend bool operator==(const FenceBroker&, const FenceBroker&) = default;
};

using SessionEffect = std::variant<ProbeBroker, FenceBroker>;

// The controller before, and when its successor heard it last.
struct DeposedController {
  BrokerId broker;
  Instant heard;
};

class BrokerSessions {
 public:
  // Until on_became_active() nobody is known and nothing is asked for.
  explicit BrokerSessions(const BrokerSessionsConfig& config) : config_(config) {}

  // A new active controller has heard from nobody yet: every broker that is not fenced has a whole
  // session from here on. Fenced ones get theirs with their first heartbeat. The controller before
  // was silent for so long that another was elected: that counts.
  void on_became_active(Instant now, const std::map<BrokerId, BrokerImage>& brokers,
                        std::optional<DeposedController> before = {});
  void on_resigned();

  // An epoch that is known already, or older than that, changes nothing.
  //
  // Needs    the broker accepts connections at its rpc address: else a probe finds it gone
  void on_registered(Instant now, BrokerId broker, std::int64_t broker_epoch);
  // One that was fenced for its silence has a session again.
  SessionAnswer on_heartbeat(Instant now, BrokerId broker, std::int64_t broker_epoch);
  // Any connection between it and the controller, in whichever direction.
  void on_connection_lost(Instant now, BrokerId broker);
  // broker_epoch   as the probe named it
  void on_probe(Instant now, BrokerId broker, std::int64_t broker_epoch, ProbeResult result);
  // It has closed its logs and is about to go.
  void on_stopped(Instant now, BrokerId broker, std::int64_t broker_epoch);
  // It is no longer registered.
  void on_removed(Instant now, BrokerId broker);

  // Early and repeated calls do no harm.
  void on_timeout(Instant now);
  // None: not active, or nobody has a session.
  std::optional<Instant> next_timeout() const;

  // A fenced broker's session is over before its effect is carried out.
  std::vector<SessionEffect> take_effects();

  // Whether it has a session at present.
  bool has_session(BrokerId broker) const;

  void assert_invariants() const;

 private:
  struct Session {
    Instant end;
    int extensions = 0;                // since it was last heard
    bool probing = false;              // one is under way
    bool heard = false;                // since that was sent
    std::optional<Instant> probed_at;  // the latest
    std::optional<Instant> probe_at;   // wanted next
  };
  struct Broker {
    std::int64_t epoch = 0;
    bool gone = false;  // its process has ended: nothing of this epoch is believed
    std::optional<Session> session;
  };

  void wake(Instant now);
  void prolong_all(Instant now, Duration slept);
  void want_probe(Instant now, Session& session) const;
  void probe_if_due(Instant now, BrokerId id, Broker& broker);
  void fence(BrokerId id, Broker& broker, FenceReason reason);

  BrokerSessionsConfig config_;
  std::map<BrokerId, Broker> brokers_;  // the registered ones, as many as the controller allows
  Instant awake_{};                     // the latest input
  std::vector<SessionEffect> effects_;
};

}  // namespace strandline
