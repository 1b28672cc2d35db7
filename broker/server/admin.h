// What the HTTP side shows of the broker: gathered from the shards on request.
//
// Thread   shard 0, which runs the HTTP server; the shards answer on their own threads
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "broker/cluster/cluster_node.h"
#include "broker/config/settings.h"
#include "broker/http/admin_backend.h"
#include "broker/partition/shard.h"
#include "broker/partition/stray_keeper.h"
#include "broker/rpc/rpc_metrics_page.h"
#include "broker/runtime/memory_budget.h"
#include "broker/server/damage_log.h"
#include "broker/server/disk_guard.h"
#include "protocol/base/uuid.h"
#include "storage/io/posix_disk.h"

namespace strandline {

class BrokerAdmin final : public AdminSource {
 public:
  // All of it outlives this.
  struct Sources {
    const Settings& settings;
    Shard& first;
    const PosixDisk& disk;
    const DiskGuard& guard;
    const MemoryBudget& budget;
    const DamageLog& damage;
    const StrayKeeper& strays;
    ClusterNode& cluster;
  };

  explicit BrokerAdmin(Sources sources);

  void add_shard(Shard& shard) { shards_.push_back(&shard); }
  void add_rpc_loop(RpcLoop loop) { rpc_loops_.push_back(std::move(loop)); }
  void set_serving(bool serving) { serving_ = serving; }
  void set_addresses(HostPort kafka, std::string http);

  void gather(const AdminQuery& query, Done done) override;

 private:
  class View;
  struct Gathered;
  struct Gathering;

  void ask_controller(const AdminQuery& query, Done done);
  void gather_partitions(Done done);
  static std::vector<PartitionSample> sample(Shard& shard);
  static void count_replicas(Shard& shard, const PartitionKey& key, PartitionSample& sample);
  void gathered(const std::shared_ptr<Gathering>& gathering);

  const Sources sources_;
  std::vector<Shard*> shards_;
  std::vector<RpcLoop> rpc_loops_;
  const Instant started_;
  HostPort kafka_;
  std::string http_;
  bool serving_ = false;
};

}  // namespace strandline
