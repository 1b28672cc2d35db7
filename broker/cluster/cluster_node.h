// This broker in its cluster, put together: connections to the others, the metadata, the controller
// when it is here, the membership of this broker. A lone broker is a cluster of one.
//
// Up:    open() the metadata log and the rpc listener, start(); with an empty data directory the
//        cluster is found or founded first
// Down:  stop() hands leaderships over, close() ends the rest
//
// Thread   open(): the main thread, before start(). ask(), next_producer_id(), stop(): any. All
// else
//          on the cluster's loop, which never waits for a disk
// Owns     the loop
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/cluster/broker_lifecycle.h"
#include "broker/cluster/cluster_entry.h"
#include "broker/cluster/cluster_links.h"
#include "broker/cluster/controller_client.h"
#include "broker/cluster/controller_server.h"
#include "broker/cluster/shard_watch.h"
#include "broker/config/settings.h"
#include "broker/http/admin_backend.h"
#include "broker/metadata/metadata_node.h"
#include "replication/metadata/broker_time.h"
#include "replication/metadata/producer_ids.h"
#include "storage/checkpoint/data_directory.h"

namespace strandline {

class ClusterNode {
 public:
  // All of it outlives the node.
  struct Surroundings {
    const Settings& settings;
    Disk& disk;
    Checkpoint& checkpoint;
    DataDirectory& directory;
    DamageReporter& damage;
    WorkerPool& worker;  // one thread
    const ConfigView& configs;
    MemoryBudget& budget;
    ControllerConfig controller;
    Uuid incarnation;
    bool clean = false;  // the process before this one ended in order
    std::int32_t shards = 0;
    std::vector<ShardLoop*> shard_loops;  // of them, to be watched; empty: nobody watches
    std::uint64_t seed = 0;
    SenderSlot slot;
    std::size_t senders = 0;
  };

  struct Hooks {
    // Hands an image to every shard; `shown` may be called on any thread with a sender slot when
    // all serve it.
    std::function<void(std::shared_ptr<const MetadataImage>, std::function<void()> shown)> show;
    // What the logs that the first image named turned out to lack.
    std::function<BrokerFindings()> findings;
    // This broker belongs to a cluster now, and did not before.
    std::function<void(const Uuid& cluster_id)> joined;
    // Takes a connection that is for one of the shards.
    std::function<void(std::uint32_t lane, int native_handle, const RpcHello& hello)> adopt;
    // As BrokerLifecycle::Hooks.
    std::function<void(const BrokerMoment&)> nobody_else_led_until;
    // Whether the controller was heard in time; said again each while as long as it is not.
    std::function<void(bool in_touch, Duration stuck_after)> in_touch;
    std::function<bool()> disk_full;
    // Where Kafka clients connect, as bound.
    std::function<HostPort()> kafka_address;
    // Clients may be served from here on; called once.
    std::function<void()> serving;
    std::function<void(const ErrorCode&)> failed;
  };

  ClusterNode(Surroundings around, Hooks hooks);
  ~ClusterNode();

  // Returns what was wrong, where, and what to do next; none: all is well.
  std::optional<std::string> open();
  void start();

  void ask(ShardLoop& home, ControllerRequest request, Duration time_max, OnControllerOutcome done);
  void next_producer_id(ShardLoop& home, std::function<void(Result<ProducerId>)> done);

  // `done` is called on the loop when others lead what this broker led, or have had their time.
  void stop(std::function<void()> done);
  // Nothing is taken in or sent any more. Waits for it.
  void close();

  // The quorum as this broker sees it; `done` runs on `home`.
  void describe(ShardLoop& home, std::function<void(QuorumView)> done);
  // The broker that decides; -1: none is known. Any thread.
  std::int32_t controller_id() const { return controller_id_.load(std::memory_order_relaxed); }

  ShardLoop& loop() { return loop_; }
  const RpcMetrics& metrics() const { return metrics_; }
  // On the loop; nullptr: this broker has not found its cluster yet.
  const MetadataNode* metadata() const { return node_.get(); }
  // Who this broker is to the others. Constant from the first image on.
  RpcIdentity identity() const { return context_.self; }
  // Where others reach it; none: nowhere.
  std::optional<HostPort> rpc() const { return rpc_; }

 private:
  struct OpenedLog {
    std::unique_ptr<MetadataLog> log;
    MetadataStart start;
  };

  Result<OpenedLog> open_log();
  std::optional<std::string> listen();
  ClusterSeeds seeds() const;
  void enter(const ClusterEntry::Found& found);
  void make_node(OpenedLog opened);
  std::optional<HostPort> advertised() const;
  MetadataNode::Hooks node_hooks();
  void image_shown();
  void update_targets();
  std::int32_t feature_level_max() const;
  void update_feature_level();
  std::optional<RpcRefusal> admit(const RpcHello& hello) const;
  // Others lead what it leads, and decide.
  void shard_is_stuck(std::size_t shard);
  std::optional<ReplicaKey> heir() const;
  void hand_over(std::function<void()> done);
  void handed_over_now();
  QuorumView view() const;
  void want_producer_ids();
  void give_producer_ids(const ControllerOutcome& outcome);

  Surroundings around_;
  Hooks hooks_;
  Prng prng_;
  RpcMetrics metrics_;
  BufferPool buffers_;
  ShardLoop loop_;
  RpcContext context_;
  std::optional<HostPort> rpc_;
  std::unique_ptr<ClusterLinks> links_;
  std::unique_ptr<ClusterEntry> entry_;
  std::optional<OpenedLog> opened_;
  std::int32_t voters_wanted_ = 0;  // of a cluster that this broker founds
  std::unique_ptr<MetadataNode> node_;
  std::unique_ptr<ControllerServer> controller_;
  std::unique_ptr<ControllerClient> client_;
  std::unique_ptr<BrokerLifecycle> lifecycle_;
  std::unique_ptr<ShardWatch> watch_;
  std::optional<ClusterLinks::Target> asked_leader_;
  std::atomic<std::int32_t> controller_id_{-1};
  bool closed_ = false;
  std::function<void()> handed_over_;  // told when another decides
  std::function<void()> stop_wanted_;  // before there was anything to stop

  ProducerIdPool producer_ids_;
  std::vector<std::function<void(Result<ProducerId>)>> want_ids_;
  bool asking_for_ids_ = false;
};

}  // namespace strandline
