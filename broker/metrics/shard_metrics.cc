#include "broker/metrics/shard_metrics.h"

namespace strandline {

ShardMetrics::~ShardMetrics() {
  for (auto& entry : apis_) delete entry.load(std::memory_order_relaxed);
}

ApiMetrics& ShardMetrics::add_api(std::size_t slot) {
  auto made = std::make_unique<ApiMetrics>();
  // Release: a reader that sees the pointer sees the zeroed counters behind it.
  apis_[slot].store(made.get(), std::memory_order_release);
  return *made.release();
}

}  // namespace strandline
