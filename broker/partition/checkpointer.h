// Keeps the data directory's checkpoint close behind the partitions of one shard, and everything
// that goes with it: index files, producer snapshots, background syncs of topics that do not sync
// on their own, retention.
//
// Thread   the shard; writing runs on the shard's disk threads
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "broker/partition/partition.h"
#include "broker/partition/shard.h"
#include "storage/checkpoint/checkpoint.h"
#include "storage/log/digest.h"

namespace strandline {

class Checkpointer {
 public:
  // Both outlive it.
  Checkpointer(Shard& shard, Checkpoint& checkpoint, Disk& disk);

  // Begins the rounds.
  void start();

  // Syncs and checkpoints everything, then calls `done` on the shard; for a clean end. No rounds
  // after this.
  void finish(std::function<void()> done);

 private:
  struct Round;
  struct Sealed {
    std::shared_ptr<Partition> partition;
    SealJob job;
    std::uint64_t cuts = 0;  // of the partition's log, when it was sealed
  };

  void tick();
  void round_if_dirty();
  void bound_unsynced();
  void retention_tick();
  void begin_round(std::vector<std::shared_ptr<Partition>> partitions, std::function<void()> done);
  void digest_sealed(const std::shared_ptr<Partition>& partition);
  void found_damage(const std::shared_ptr<Partition>& partition, std::uint64_t cuts);
  void run_round(Round& round);
  void ended(const std::shared_ptr<Round>& round);

  Shard& shard_;
  Checkpoint& checkpoint_;
  Disk& disk_;
  std::vector<Sealed> sealed_;       // waiting for their digest until they are flushed
  const std::int64_t unsynced_max_;  // bytes, unless disk.dirty.max.bytes gives them
  bool running_ = false;
  bool stopping_ = false;
  Instant last_index_write_{};
};

}  // namespace strandline
