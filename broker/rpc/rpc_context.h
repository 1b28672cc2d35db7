// What all connections between brokers on one loop share: their limits, their memory, who we are.
//
// Thread   the loop
#pragma once

#include <cstddef>
#include <cstdint>

#include "broker/net/buffer_pool.h"
#include "broker/rpc/rpc_metrics.h"
#include "broker/runtime/memory_budget.h"
#include "broker/runtime/shard_loop.h"
#include "protocol/proto/rpc_messages.h"
#include "protocol/rpc/frame.h"

namespace strandline {

class RpcChannel;

struct RpcLimits {
  rpc::FrameLimits frames;
  // What may wait to be sent on one connection. A message that comes while less than a half of it
  // waits always fits; answers to requests always fit, but while this much waits no further request
  // is read.
  std::uint64_t send_bytes_max = std::uint64_t{8} << 20;
  // What those who work on received messages may hold of one connection; at it, the connection is
  // not read. One message always fits.
  std::uint64_t held_bytes_max = std::uint64_t{16} << 20;
  // What a connection may hold although the memory budget is used up: votes, heartbeats and
  // acknowledgements must flow, or the memory that waits for them would never come back.
  std::uint64_t reserve_bytes = std::uint64_t{2} << 20;

  // From the connect (or accept) to the end of the handshake.
  Duration handshake_max = std::chrono::seconds{2};
  // A side that has sent nothing for so long says that it is there.
  Duration ping_interval = std::chrono::milliseconds{250};
  // A connection on which nothing was heard for so long is dead. Six pings: a broker that is short
  // of processor time misses a few.
  Duration silence_max = std::chrono::milliseconds{1500};
  // A side that reads none of what waits for it for so long, though it says that it is there, is
  // not waited for any more.
  Duration stall_max = std::chrono::seconds{30};
};

struct RpcContext {
  ShardLoop& loop;
  BufferPool& buffers;
  MemoryBudget& budget;
  RpcMetrics& metrics;
  // Who we are; may change (a broker that joins learns its cluster), for handshakes to come.
  RpcIdentity self;
  RpcLimits limits;
  // The one connection that may finish the frame it has begun although memory is used up.
  const RpcChannel* beyond_budget = nullptr;
};

}  // namespace strandline
