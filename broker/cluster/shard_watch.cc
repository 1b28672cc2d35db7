#include "broker/cluster/shard_watch.h"

#include <algorithm>
#include <utility>

namespace strandline {

ShardWatch::ShardWatch(ShardLoop& loop, const std::vector<ShardLoop*>& shards, Duration stuck_after,
                       OnStuck on_stuck)
    : loop_(loop),
      stuck_after_(stuck_after),
      interval_(stuck_after / 4),
      on_stuck_(std::move(on_stuck)) {
  for (ShardLoop* const shard : shards) shards_.push_back({shard, std::nullopt});
}

void ShardWatch::stop() {
  stopped_ = true;
  if (timer_) loop_.cancel(*std::exchange(timer_, std::nullopt));
}

void ShardWatch::look() {
  if (stopped_) return;
  const Instant now = steady_now();
  // Who comes late itself was kept from running, as all of the process may have been.
  const Duration late = std::max(Duration{0}, now - looked_at_ - interval_);
  looked_at_ = now;
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    Watched& shard = shards_[i];
    if (shard.asked_at) {
      *shard.asked_at += late;
      if (now - *shard.asked_at >= stuck_after_) on_stuck_(i);
      continue;
    }
    shard.asked_at = now;
    shard.loop->post([this, i] { loop_.post([this, i] { shards_[i].asked_at.reset(); }); });
  }
  timer_ = loop_.after(interval_, [this] {
    timer_.reset();
    look();
  });
}

}  // namespace strandline
