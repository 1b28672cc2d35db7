#include "broker/partition/partition_manager.h"

#include <utility>

#include "broker/logging/log.h"
#include "broker/partition/partition_directory.h"
#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"

namespace strandline {

// One apply() on its way: what must be open before the image may be shown.
struct PartitionManager::Opening {
  std::shared_ptr<const MetadataImage> image;
  std::function<void()> applied;
  std::size_t outstanding = 1;  // one for the walk itself
};

PartitionManager::PartitionManager(Shard& shard, Disk& disk, Checkpoint& checkpoint,
                                   DamageReporter& reporter)
    : shard_(shard), disk_(disk), checkpoint_(checkpoint), reporter_(reporter) {}

RecoveryPoint PartitionManager::recovery_point(const PartitionKey& key) const {
  const std::optional<PartitionCheckpoint> state = checkpoint_.find(key);
  return state ? RecoveryPoint{.known = true, .state = *state} : RecoveryPoint{};
}

void PartitionManager::apply(std::shared_ptr<const MetadataImage> image,
                             std::function<void()> applied) {
  auto opening = std::make_shared<Opening>();
  opening->image = std::move(image);
  opening->applied = std::move(applied);
  const std::shared_ptr<const MetadataImage> before = shard_.image();
  opening->image->topics_by_id.for_each([&](const Uuid& id, const TopicPtr& topic) {
    // An unchanged topic is the same object in both images.
    if (before != nullptr && before->topic(id) == topic) return;
    for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
      const PartitionIndex index{static_cast<std::int32_t>(i)};
      if (shard_.owner_of(id, index) != shard_.index()) continue;
      const bool here = shard_.partitions().find({id, index}) != nullptr ||
                        shard_.partitions().offline().contains({id, index});
      if (!here) open_partition(opening, topic, index);
    }
  });
  opened(opening);
}

void PartitionManager::open_partition(const std::shared_ptr<Opening>& opening,
                                      const TopicPtr& topic, PartitionIndex index) {
  ++opening->outstanding;
  const auto config = std::make_shared<const TopicConfig>(
      topic_config(*opening->image, *topic, shard_.broker_id(), shard_.settings().topic_defaults));
  shard_.disk_pool().submit([this, opening, topic, index, config] {
    const std::string directory = partition_directory(topic->name, index);
    Result<std::unique_ptr<PartitionLog>> log = make_error_code(Errc::log_offline);
    const Result<void> claimed = claim_partition_directory(disk_, directory, topic->id, reporter_);
    if (claimed) {
      log = PartitionLog::open(disk_, directory, log_config(*config, shard_.settings()),
                               recovery_point({topic->id, index}), wall_now(), reporter_);
    } else {
      log = claimed.error();
    }
    shard_.loop().post([this, opening, topic, index, config, log = std::move(log)]() mutable {
      const PartitionKey key{topic->id, index};
      if (log) {
        const LeaderEpoch epoch =
            topic->partitions[static_cast<std::size_t>(index.value())].leader_epoch;
        shard_.partitions().insert(
            key, std::make_shared<Partition>(shard_, topic->name, key, epoch, config,
                                             std::move(log).value()));
      } else {
        shard_.partitions().insert_offline(key);
        log_line(LogLevel::error, "partition", "the log does not open; the partition is offline",
                 {{"topic", topic->name}, {"partition", index}, {"error", log.error().message()}});
      }
      opened(opening);
    });
  });
}

void PartitionManager::opened(const std::shared_ptr<Opening>& opening) {
  if (--opening->outstanding > 0) return;
  // New partitions are there before the image names them; old ones go after it has forgotten them.
  shard_.set_image(opening->image);
  remove_absent(*opening->image);
  for (const auto& [key, partition] : shard_.partitions().all()) {
    const TopicPtr topic = opening->image->topic(key.topic_id);
    const auto config = shard_.topic_config(*topic);
    if (&partition->config() != config.get()) partition->set_config(config);
  }
  opening->applied();
}

void PartitionManager::remove_absent(const MetadataImage& image) {
  std::vector<PartitionKey> gone;
  for (const auto& [key, partition] : shard_.partitions().all()) {
    if (image.topic(key.topic_id) == nullptr) gone.push_back(key);
  }
  for (const PartitionKey& key : gone) remove_partition(shard_.partitions().extract(key));
  const auto offline = shard_.partitions().offline();
  for (const PartitionKey& key : offline) {
    // Its directory stays: whoever deletes a damaged topic may still want to look into it.
    if (image.topic(key.topic_id) == nullptr) shard_.partitions().extract(key);
  }
}

void PartitionManager::remove_partition(std::shared_ptr<Partition> partition) {
  partition->abandon(make_error_code(Errc::unknown_topic_or_partition));
  shard_.disk_pool().submit([this, partition = std::move(partition)]() mutable {
    checkpoint_.remove(partition->key());
    const Result<bool> removed = remove_partition_directory(
        disk_, partition_directory(partition->topic(), partition->key().partition),
        partition->key().topic_id);
    if (!removed) {
      log_line(LogLevel::error, "partition", "cannot remove the directory of a deleted partition",
               {{"topic", partition->topic()},
                {"partition", partition->key().partition},
                {"error", removed.error().message()}});
    }
    // Its last share goes on the shard, where a read of it may still be finishing.
    shard_.loop().post([partition = std::move(partition)] {});
  });
}

Result<void> PartitionManager::remove_leftovers(Disk& disk) {
  return remove_doomed_directories(disk);
}

}  // namespace strandline
