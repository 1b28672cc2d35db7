// The connections between brokers on the page Prometheus reads.
//
// Thread   any; the loops go on counting
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "broker/rpc/rpc_metrics.h"

namespace strandline {

struct RpcLoop {
  std::string name;  // "shard-0"
  const RpcMetrics* metrics = nullptr;
};

// Text exposition format 0.0.4, one line a loop.
std::string render_rpc_metrics(std::span<const RpcLoop> loops);

}  // namespace strandline
