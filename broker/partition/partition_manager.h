// Makes the partitions of a shard follow the metadata image: opens logs of those that this broker
// has a replica of, takes down those that are gone or went to other brokers, hands changed configs
// and roles on.
//
// Directories of replicas that went while the broker was down are put aside, once an image shows
// this start of it. Such an image is as new as the start, so what it does not assign is not this
// broker's any more. An older one tells nothing, and nothing is touched for it.
//
// Thread   the shard; opening and removing run on the shard's disk threads
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "broker/partition/partition.h"
#include "broker/partition/partition_directory.h"
#include "broker/partition/replica_findings.h"
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
  // whose log cannot be opened is served as offline: its requests answer KAFKA_STORAGE_ERROR; where
  // the disk refused, it is tried again now and then. But
  // where another broker leads, a damaged log is put aside, and an empty one follows that leader.
  // One call at a time.
  void apply(std::shared_ptr<const MetadataImage> image, std::function<void()> applied);

  // What opening the logs found so far; complete after the first apply().
  const ReplicaFindings& findings() const { return findings_; }

  // Removes what earlier deletions left in the data directory. Waits for the disk.
  static Result<void> remove_leftovers(Disk& disk);

 private:
  struct Opening;
  struct OpenedLog;

  RecoveryPoint recovery_point(const PartitionKey& key) const;

  bool has_replica(const PartitionImage& partition) const;
  PartitionView view_of(const MetadataImage& image, const TopicImage& topic,
                        PartitionIndex index) const;
  enum class Records : std::uint8_t { kept, put_aside };
  void open_partition(const std::shared_ptr<Opening>& opening, const TopicPtr& topic,
                      PartitionIndex index, Records records);
  OpenedLog open_log(const TopicImage& topic, PartitionIndex index, const TopicConfig& config,
                     Records records);
  void found_damage(const PartitionKey& key);
  bool may_fill_again(const PartitionKey& key, const PartitionImage& partition) const;
  void fill_again(const std::shared_ptr<Opening>& opening, const TopicPtr& topic,
                  PartitionIndex index);
  void log_opened(const TopicImage& topic, PartitionIndex index,
                  std::shared_ptr<const TopicConfig> config, OpenedLog opened);
  void open_again(const PartitionKey& key);
  void opened_again(const PartitionKey& key, const TopicImage& topic,
                    const std::shared_ptr<const TopicConfig>& config, OpenedLog opened);
  void opened_one(const std::shared_ptr<Opening>& opening);
  void show_views(const MetadataImage* before, const MetadataImage& image);
  void tell_if_opened(const PartitionKey& key);
  void remove_partition(std::shared_ptr<Partition> partition);
  void remove_directory(std::shared_ptr<Partition> partition);
  void directory_is_removed(const PartitionKey& key);
  void forget_cuts(const MetadataImage& image);
  void remove_absent(const MetadataImage& image);

  // partition_manager_strays.cc
  void look_for_strays(const MetadataImage& image);
  void take_strays(const UnknownDirectories& found);
  bool is_in_use(const PartitionKey& key) const;
  void put_aside(const UnknownDirectories::Owned& stray);
  bool keeps_what_goes() const;

  Shard& shard_;
  Disk& disk_;
  Checkpoint& checkpoint_;
  DamageReporter& reporter_;
  ReplicaFindings findings_;
  // Replicas whose directories are being removed, and what waits for that.
  std::map<PartitionKey, std::vector<Task>> leaving_;
  // Replicas whose logs are being opened.
  std::multiset<PartitionKey> opening_;
  bool looked_for_strays_ = false;
  // Replicas with damaged records, until others lead and this one may begin anew.
  std::set<PartitionKey> damaged_;
  // Replicas that the controller was told of, and is told of again.
  std::set<PartitionKey> told_opened_;
  std::vector<std::string> cuts_;  // directories of logs that say so until the controller knows
};

}  // namespace strandline
