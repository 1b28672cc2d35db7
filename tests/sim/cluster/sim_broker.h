// One start of a broker: what broker/server puts together, less the listeners for clients and
// people, on a simulated host. The parts are the production ones.
//
// Thread   the world's
// Owns     the process: the host's disk stays
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/cluster/cluster_node.h"
#include "broker/config/settings.h"
#include "broker/partition/checkpointer.h"
#include "broker/partition/partition_manager.h"
#include "broker/partition/replica_links.h"
#include "broker/partition/replication_throttle.h"
#include "broker/partition/scrubber.h"
#include "broker/partition/shard.h"
#include "broker/server/isr_requests.h"
#include "storage/checkpoint/data_directory.h"
#include "tests/sim/cluster/world.h"

namespace strandline::cluster_sim {

// What recovery and readers found.
class SimDamage final : public DamageReporter {
 public:
  void damaged(const Damage& damage) override;
  void cut(const std::string& file, std::uint64_t position, std::uint64_t bytes,
           const std::string& saved_as) override;
  void rebuilt(const std::string& file, const std::string& why) override;

  std::uint64_t damages = 0;
  std::uint64_t cuts = 0;
};

class SimBroker {
 public:
  // on_fatal   the process is about to leave by itself
  SimBroker(World& world, Host& host, Settings settings, std::function<void()> on_fatal);
  ~SimBroker();
  SimBroker(const SimBroker&) = delete;
  SimBroker& operator=(const SimBroker&) = delete;

  // On the host. False: the start failed, and the process ends.
  bool start();
  // Ends the process at once and destroys this object; from outside.
  //
  // model   what stays on the disk of what was not synced
  void end(const CrashModel& model, Network::Death death);
  // In order; `done` is called when nothing is left to be written: then end() it.
  void stop(std::function<void()> done);

  Shard& shard() { return *shard_; }
  const MetadataNode* metadata() const { return cluster_ ? cluster_->metadata() : nullptr; }
  ClusterNode& cluster() { return *cluster_; }
  bool is_serving() const { return serving_; }
  const SimDamage& damage() const { return damage_; }
  const ShardMetrics& metrics() const { return metrics_; }
  void ask(ControllerRequest request, Duration time_max, OnControllerOutcome done);

 private:
  bool open_data();
  void make_shard();
  bool open_cluster();
  ClusterNode::Hooks cluster_hooks();
  void propose_isr(IsrRequest request);
  void send_isr_requests();
  template <class Request>
  void tell_controller(Shard& home, const PartitionKey& key);
  BrokerFindings findings() const;
  void fail();

  World& world_;
  Host& host_;
  const Settings settings_;
  const std::function<void()> on_fatal_;
  Prng prng_;
  const Uuid incarnation_;
  MemoryBudget budget_{std::uint64_t{1} << 40};
  SimDamage damage_;
  std::optional<DataDirectory> directory_;
  bool ended_in_order_ = false;
  std::unique_ptr<Checkpoint> checkpoint_;
  WorkerPool disk_pool_;
  WorkerPool sync_pool_;
  WorkerPool idle_pool_;
  WorkerPool metadata_pool_;
  ShardMetrics metrics_;
  BufferPool buffers_;
  ShardLoop loop_;
  std::atomic<bool> refuses_writes_{false};
  std::atomic<bool> refuses_changes_{false};
  std::unique_ptr<Shard> shard_;
  std::unique_ptr<ReplicaLinks> replicas_;
  std::unique_ptr<PartitionManager> manager_;
  std::unique_ptr<Checkpointer> checkpointer_;
  ReplicationThrottle scrub_line_;
  std::unique_ptr<Scrubber> scrubber_;
  ConfigView configs_;
  ReplicaFindings findings_;
  IsrRequests isr_requests_;
  std::unique_ptr<ClusterNode> cluster_;
  bool serving_ = false;
};

}  // namespace strandline::cluster_sim
