// Makes the partitions of a shard follow the metadata image: opens logs of new ones, takes down
// those that are gone, hands changed configs on.
//
// Thread   the shard; opening and removing run on the shard's disk threads
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/partition/partition.h"
#include "broker/partition/shard.h"
#include "protocol/base/result.h"
#include "replication/metadata/image.h"
#include "storage/checkpoint/checkpoint.h"
#include "storage/io/disk.h"
#include "storage/log/partition_log.h"

namespace strandline {

class PartitionManager {
 public:
  // All of them outlive the manager.
  PartitionManager(Shard& shard, Disk& disk, Checkpoint& checkpoint, DamageReporter& reporter);

  // Brings the shard to `image` and calls `applied` on the shard when it serves it. A partition
  // whose log cannot be opened is served as offline: its requests answer KAFKA_STORAGE_ERROR.
  // One call at a time.
  void apply(std::shared_ptr<const MetadataImage> image, std::function<void()> applied);

  // Removes what earlier deletions left in the data directory. Waits for the disk.
  static Result<void> remove_leftovers(Disk& disk);

 private:
  struct Opening;

  RecoveryPoint recovery_point(const PartitionKey& key) const;

  void open_partition(const std::shared_ptr<Opening>& opening, const TopicPtr& topic,
                      PartitionIndex index);
  void opened(const std::shared_ptr<Opening>& opening);
  void remove_partition(std::shared_ptr<Partition> partition);
  void remove_absent(const MetadataImage& image);

  Shard& shard_;
  Disk& disk_;
  Checkpoint& checkpoint_;
  DamageReporter& reporter_;
};

}  // namespace strandline
