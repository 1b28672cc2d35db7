// The active controller as brokers see it: takes their requests, watches their sessions, and does
// what has to be done from time to time: making brokers voters, giving leaderships back, raising
// the metadata version.
//
// Thread   the cluster's loop
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "broker/cluster/cluster_links.h"
#include "broker/cluster/probe.h"
#include "broker/handlers/config_view.h"
#include "broker/metadata/metadata_node.h"
#include "broker/runtime/shard_loop.h"
#include "replication/metadata/broker_sessions.h"

namespace strandline {

class ControllerServer {
 public:
  struct Config {
    BrokerId self = kNoBroker;
    BrokerSessionsConfig sessions;
    bool balance_leaders = true;
    // How many voters a cluster is to have that this broker has just founded; 0: it has not.
    std::int32_t voters_wanted = 0;
    Duration balance_interval = std::chrono::seconds{10};
    // Complete replicas that all cut their logs are waited for so long.
    Duration cut_wait_max = std::chrono::seconds{10};
  };

  // All but the config outlive it.
  //
  // is_connected   whether there is a connection to or from a broker
  ControllerServer(ShardLoop& loop, MetadataNode& node, const ConfigView& configs, Config config,
                   std::function<bool(BrokerId)> is_connected);
  ~ControllerServer();

  // `respond` is called once, when what was decided is committed.
  void serve(ControllerRequest request, ClusterLinks::Respond respond);

  // From the metadata node.
  void gained_control();
  void lost_control();
  // No connection to that broker is left.
  void connection_lost(BrokerId broker);

  void close();

 private:
  void on(RegisterRequest request, ClusterLinks::Respond respond);
  void on(const HeartbeatRequest& request, ClusterLinks::Respond respond);
  void on(const AlterIsrRequest& request, ClusterLinks::Respond respond);
  void on(const ProducerIdsRequest& request, ClusterLinks::Respond respond);
  void on(const AutoCreateRequest& request, const ClusterLinks::Respond& respond);
  void on(const DamageRequest& request, const ClusterLinks::Respond& respond);
  void on(const StallRequest& request, const ClusterLinks::Respond& respond);
  void on(const OpenedRequest& request, const ClusterLinks::Respond& respond);
  void on(const ForwardRequest& request, const ClusterLinks::Respond& respond);
  void on(const SafeToStopRequest& request, ClusterLinks::Respond respond);
  void on(const DrainRequest& request, ClusterLinks::Respond respond);

  // Decides, and responds with `answer()` when that is committed.
  template <class Decide, class Answer>
  void decide(Decide decide, Answer answer, ClusterLinks::Respond respond);
  // Decides what nobody asked for.
  template <class Decide>
  void decide_by_itself(Decide decide);

  QuorumStanding quorum_standing() const;
  void unfence_if_caught_up(const HeartbeatRequest& request);
  void run_sessions();
  void probe(const ProbeBroker& wanted);
  void fence(const FenceBroker& wanted);
  void tick();
  void care_for_voters();
  void raise_feature_level();
  void balance_leaders();
  void end_waits_for_cut_replicas();

  ShardLoop& loop_;
  MetadataNode& node_;
  const ConfigView& configs_;
  const Config config_;
  const std::function<bool(BrokerId)> is_connected_;
  std::optional<BrokerSessions> sessions_;  // while this broker is the controller
  std::optional<TimerId> session_timer_;
  std::optional<TimerId> ticker_;
  HeartbeatLedger heartbeats_;                // of this term
  std::map<BrokerId, Offset> registered_at_;  // where the registration ends; unfenced beyond it
  std::map<BrokerId, std::unique_ptr<Probe>> probes_;
  Instant balanced_at_;
  std::optional<Instant> cut_since_;
  bool changing_voters_ = false;
  bool closed_ = false;
};

}  // namespace strandline
