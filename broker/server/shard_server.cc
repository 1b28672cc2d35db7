#include "broker/server/shard_server.h"

#include <string>

#include "broker/partition/replica_links.h"

namespace strandline {

ShardServer::ShardServer(ShardIndex index, std::size_t senders, MemoryBudget& budget)
    : buffers(budget), loop("shard-" + std::to_string(index), SenderSlot{index}, senders) {}

ShardServer::~ShardServer() = default;

void ShardServer::make_replicas(MemoryBudget& budget, const RpcIdentity& self) {
  replicas = std::make_unique<ReplicaLinks>(*shard, buffers, budget, self);
}

void ShardServer::join_cluster(const Uuid& cluster_id) { replicas->join_cluster(cluster_id); }

void ShardServer::adopt_replica(int native_handle, const RpcHello& hello) {
  replicas->adopt(native_handle, hello);
}

void ShardServer::stop_replicas() { replicas->stop(); }

}  // namespace strandline
