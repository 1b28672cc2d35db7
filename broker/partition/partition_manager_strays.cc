// Directories of replicas that went to other brokers, or whose topics were deleted, while this
// broker was down or could not open them.
//
//   looked for (disk thread)  ->  judged (shard, by the image it shows by then)
//                             ->  put aside (disk thread), for StrayKeeper
#include <memory>
#include <set>
#include <utility>

#include "broker/config/live_settings.h"
#include "broker/logging/log.h"
#include "broker/partition/partition_directory.h"
#include "broker/partition/partition_manager.h"
#include "broker/partition/stray_keeper.h"

namespace strandline {

void PartitionManager::look_for_strays(const MetadataImage& image) {
  const BrokerImage* const self = image.broker(shard_.broker_id());
  const bool is_current = self != nullptr && self->incarnation == shard_.incarnation();
  if (!is_current || std::exchange(looked_for_strays_, true)) return;
  std::set<std::string> known;
  image.topics_by_id.for_each([&](const Uuid&, const TopicPtr& topic) {
    for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
      if (!has_replica(topic->partitions[i])) continue;
      known.insert(partition_directory(topic->name, PartitionIndex{static_cast<std::int32_t>(i)}));
    }
  });
  shard_.disk_pool().submit([this, known = std::move(known)] {
    const auto found =
        std::make_shared<Result<UnknownDirectories>>(find_unknown_directories(disk_, known));
    shard_.loop().post([this, found] {
      if (*found) return take_strays(found->value());
      looked_for_strays_ = false;  // with the next image again
      log_limited(LogLevel::warn, "partition", "strays",
                  "cannot look for directories of partitions that went elsewhere",
                  {{"error", found->error().message()}});
    });
  });
}

// What is being opened, or waits for that, belongs to an image that is yet to be shown.
bool PartitionManager::is_in_use(const PartitionKey& key) const {
  const PartitionTable& table = shard_.partitions();
  return table.find(key) != nullptr || table.offline().contains(key) || opening_.contains(key) ||
         leaving_.contains(key);
}

void PartitionManager::take_strays(const UnknownDirectories& found) {
  const MetadataImage& image = *shard_.image();
  for (const UnknownDirectories::Owned& stray : found.owned) {
    if (shard_.owner_of(stray.key.topic_id, stray.key.partition) != shard_.index()) continue;
    const TopicPtr topic = image.topic(stray.key.topic_id);
    const auto index = static_cast<std::size_t>(stray.key.partition.value());
    const bool is_assigned = topic != nullptr && index < topic->partitions.size() &&
                             has_replica(topic->partitions[index]);
    if (!is_assigned && !is_in_use(stray.key)) put_aside(stray);
  }
  // All shards see the same ones.
  if (shard_.index() != 0) return;
  for (const std::string& directory : found.nameless) {
    log_line(
        LogLevel::warn, "partition",
        "a directory does not say whose partition it is, and is left alone; remove it when its "
        "records are not needed",
        {{"directory", directory}});
  }
}

void PartitionManager::put_aside(const UnknownDirectories::Owned& stray) {
  leaving_.try_emplace(stray.key);
  shard_.disk_pool().submit([this, stray] {
    checkpoint_.remove(stray.key);
    const Result<std::string> kept = put_stray_aside(disk_, stray.directory, stray.key.topic_id);
    if (!kept) {
      log_line(LogLevel::error, "partition",
               "cannot put the directory of a partition aside that went elsewhere",
               {{"directory", stray.directory}, {"error", kept.error().message()}});
    } else if (!kept.value().empty()) {
      log_line(LogLevel::warn, "partition",
               "a directory is of a partition that this broker has no replica of; it is kept for "
               "stray.keep.ms",
               {{"directory", stray.directory}, {"kept_as", kept.value()}});
    }
    shard_.loop().post([this, key = stray.key] { directory_is_removed(key); });
  });
}

bool PartitionManager::keeps_what_goes() const {
  return live_number(shard_.settings(), *shard_.image(), kStrayKeepMs) >= kStrayKeptForEver;
}

}  // namespace strandline
