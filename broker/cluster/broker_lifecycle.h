// This broker as a member of the cluster: registers with the controller when its logs are open,
// says that it lives, and asks to be let go.
//
//   waiting -> registering -> catching up -> serving -> stopping -> stopped
//   catching up, serving -> registering     the controller does not know it any more
//
// Thread   the cluster's loop
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "broker/cluster/controller_client.h"
#include "broker/metadata/metadata_node.h"
#include "broker/runtime/shard_loop.h"

namespace strandline {

class BrokerLifecycle {
 public:
  struct Config {
    BrokerStart start;
    Duration heartbeat_interval = std::chrono::milliseconds{250};
    // How long the others have for taking over before this broker goes anyway.
    Duration stop_wait_max = std::chrono::seconds{10};
    // After so long without an answer of the controller others may lead what this broker led.
    Duration session_timeout = std::chrono::milliseconds{1000};
  };

  struct Hooks {
    // Asked when the broker registers.
    std::function<BrokerFindings()> findings;
    // Called once, when clients may be served.
    std::function<void()> serving;
    // Until that moment nobody else led what the image names this broker for. Neither part of it
    // ever falls.
    std::function<void(const BrokerMoment&)> nobody_else_led_until;
    // Whether the controller was heard in time; false is said again each while.
    std::function<void(bool in_touch, Duration stuck_after)> in_touch;
  };

  BrokerLifecycle(ShardLoop& loop, MetadataNode& node, ControllerClient& client, Config config,
                  Hooks hooks);

  // Every shard has opened its logs.
  void logs_are_open();

  // The image has changed.
  void committed();

  // Another broker decides from here on, or nobody does: it is to hear of this one at once.
  void leader_changed();

  // Has leaderships moved elsewhere; `done` is called when that is so, or the wait is over.
  void stop(std::function<void()> done);
  void close() { state_ = State::stopped; }

 private:
  enum class State : std::uint8_t { waiting, registering, registered, stopping, stopped };

  void register_now();
  void registered(const ControllerOutcome& outcome);
  void heartbeat();
  void heard(const ControllerOutcome& outcome);
  void believe(const VouchedHeartbeat& vouched);
  void plan_heartbeat(Duration wait);
  void watch_touch();
  bool is_known() const;
  void serve_if_ready();
  void finish_stop();

  ShardLoop& loop_;
  MetadataNode& node_;
  ControllerClient& client_;
  Config config_;
  Hooks hooks_;
  std::function<void()> serving_;
  BrokerTime time_;
  BrokerMoment told_until_;
  Instant sent_at_;   // the heartbeat under way
  Instant heard_at_;  // when the last one was sent that was answered
  bool in_touch_ = true;
  State state_ = State::waiting;
  std::int64_t broker_epoch_ = -1;
  bool beating_ = false;  // a heartbeat is under way
  std::optional<TimerId> beat_timer_;
  std::function<void()> stopped_;
  std::optional<TimerId> stop_timer_;
};

}  // namespace strandline
