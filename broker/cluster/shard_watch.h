// Notices a shard whose thread does not come back. A shard waits for no disk where it can help it,
// but a write into the page cache may have to, when the file system is frozen or out of clean
// pages. What such a shard leads, others have to lead.
//
// Thread   the cluster's loop, which never waits for a disk
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "broker/runtime/shard_loop.h"

namespace strandline {

class ShardWatch {
 public:
  // Again and again while it lasts.
  using OnStuck = std::function<void(std::size_t shard)>;

  // loop, shards   outlive it; the shards' loops end before `loop` does
  // stuck_after    without a sign of life
  ShardWatch(ShardLoop& loop, const std::vector<ShardLoop*>& shards, Duration stuck_after,
             OnStuck on_stuck);

  void start() { look(); }
  void stop();

 private:
  struct Watched {
    ShardLoop* loop;
    std::optional<Instant> asked_at;  // no answer yet
  };

  void look();

  ShardLoop& loop_;
  std::vector<Watched> shards_;
  const Duration stuck_after_;
  const Duration interval_;
  OnStuck on_stuck_;
  Instant looked_at_ = steady_now();
  std::optional<TimerId> timer_;
  bool stopped_ = false;
};

}  // namespace strandline
