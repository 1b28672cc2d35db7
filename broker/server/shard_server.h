// All that one shard of the running broker is made of, and the threads' plan of who posts where.
//
// Thread   made and destroyed by the main thread while the loop does not run; otherwise the loop's
#pragma once

#include <atomic>
#include <memory>

#include "broker/handlers/dispatcher.h"
#include "broker/net/buffer_pool.h"
#include "broker/net/connection_table.h"
#include "broker/partition/checkpointer.h"
#include "broker/partition/partition_manager.h"
#include "broker/partition/scrubber.h"
#include "broker/partition/shard.h"
#include "broker/runtime/shard_loop.h"
#include "broker/server/isr_requests.h"
#include "protocol/proto/rpc_messages.h"

namespace strandline {

class ReplicaLinks;

struct ShardServer {
  ShardServer(ShardIndex index, std::size_t senders, MemoryBudget& budget);
  ~ShardServer();

  // Once the shard is there.
  void make_replicas(MemoryBudget& budget, const RpcIdentity& self);
  // The broker has joined this cluster; on the shard.
  void join_cluster(const Uuid& cluster_id);
  // Takes a connection that said this hello to the control loop; on the shard.
  void adopt_replica(int native_handle, const RpcHello& hello);
  // Before the partitions are closed; on the shard.
  void stop_replicas();

  ShardMetrics metrics;
  BufferPool buffers;
  // Destroyed before the buffers: work that never ran holds some of them.
  ShardLoop loop;
  std::unique_ptr<Shard> shard;
  IsrRequests isr_requests;
  std::unique_ptr<ReplicaLinks> replicas;
  std::unique_ptr<PartitionManager> manager;
  std::unique_ptr<Checkpointer> checkpointer;
  std::unique_ptr<Scrubber> scrubber;
  std::unique_ptr<Dispatcher> dispatcher;
  std::unique_ptr<ConnectionContext> context;
  std::unique_ptr<ConnectionTable> connections;
};

}  // namespace strandline
