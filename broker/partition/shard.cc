#include "broker/partition/shard.h"

#include <utility>

#include "broker/logging/log.h"
#include "broker/partition/partition.h"
#include "broker/partition/replica_services.h"

namespace strandline {

Shard::Shard(ShardIndex index, ShardResources resources)
    : index_(index), resources_(std::move(resources)) {}

// Work that never ran may keep partitions for longer than the shard; their roles need it.
Shard::~Shard() {
  for (const auto& [key, partition] : partitions_.all()) partition->drop_role();
}

ShardIndex Shard::place_among(const Uuid& topic_id, PartitionIndex partition, std::size_t shards) {
  return (std::hash<Uuid>{}(topic_id) + static_cast<std::size_t>(partition.value())) % shards;
}

void Shard::propose_isr(IsrRequest request) {
  if (resources_.propose_isr) resources_.propose_isr(*this, std::move(request));
}

void Shard::after_checkpoint_round(Task task) {
  if (!is_in_round_) return task();
  after_round_.push_back(std::move(task));
}

void Shard::checkpoint_round_ends() {
  is_in_round_ = false;
  for (Task& task : std::exchange(after_round_, {})) task();
}

void Shard::set_image(std::shared_ptr<const MetadataImage> image) {
  // Broker-wide defaults are below every topic's own values: with a change all are worked out anew.
  const bool same_defaults =
      image_ != nullptr && image != nullptr && image_->broker_configs == image->broker_configs;
  if (!same_defaults) configs_.clear();
  image_ = std::move(image);
  // Those of deleted topics go, or a client that makes and deletes topics would fill the memory.
  if (image_ == nullptr || configs_.size() <= image_->topics.size()) return;
  std::erase_if(configs_, [&](const auto& entry) { return image_->topic(entry.first) == nullptr; });
}

std::shared_ptr<const TopicConfig> Shard::topic_config(const TopicImage& topic) {
  CachedConfig& cached = configs_[topic.id];
  if (cached.config == nullptr || cached.overrides != topic.configs) {
    cached.overrides = topic.configs;
    cached.config = std::make_shared<const TopicConfig>(
        strandline::topic_config(*image_, topic, broker_id(), resources_.settings.topic_defaults));
  }
  return cached.config;
}

void Shard::set_in_touch(bool in_touch, Duration stuck_after) {
  in_touch_ = in_touch;
  if (in_touch) return;
  const Instant now = steady_now();
  // Those who are told may send again at once, and so change the table.
  std::vector<std::shared_ptr<Partition>> all;
  for (const auto& [key, partition] : partitions_.all()) all.push_back(partition);
  for (const auto& partition : all) partition->give_up_if_stuck(now - stuck_after);
}

void Shard::mark_dirty(const Partition& partition, std::uint64_t bytes) {
  dirty_.insert(partition.key());
  bytes_since_checkpoint_ += bytes;
}

void Shard::synced() {
  const auto share =
      static_cast<std::uint64_t>(settings().checkpoint_interval_bytes) / peer_count();
  if (bytes_since_checkpoint_ >= share && checkpoint_due_) checkpoint_due_();
}

std::vector<std::shared_ptr<Partition>> Shard::take_dirty() {
  bytes_since_checkpoint_ = 0;
  std::vector<std::shared_ptr<Partition>> taken;
  taken.reserve(dirty_.size());
  for (const PartitionKey& key : dirty_) {
    if (Partition* partition = partitions_.find(key))
      taken.push_back(partition->shared_from_this());
  }
  dirty_.clear();
  return taken;
}

void Shard::remove_files(std::vector<std::string> files) {
  disk_pool().submit([&disk = resources_.disk, files = std::move(files)] {
    for (const std::string& file : files) {
      const Result<void> removed = disk.remove(file);
      if (!removed) {
        log_line(LogLevel::warn, "partition", "cannot remove a dropped file; the next start will",
                 {{"file", file}, {"error", removed.error().message()}});
      }
    }
  });
}

}  // namespace strandline
