#include "broker/partition/stray_keeper.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "broker/config/live_settings.h"
#include "broker/logging/log.h"

namespace strandline {
namespace {

constexpr std::int64_t kLookMsMin = 200;
constexpr std::int64_t kLookMsMax = 10'000;

}  // namespace

bool is_needed_no_more(const MetadataImage& image, const PartitionKey& key) {
  const TopicPtr topic = image.topic(key.topic_id);
  if (topic == nullptr) return true;
  const auto index = static_cast<std::size_t>(key.partition.value());
  if (index >= topic->partitions.size()) return false;  // no such image was ever committed
  const PartitionImage& partition = topic->partitions[index];
  const auto is_in_sync = [&](BrokerId id) {
    return std::ranges::find(partition.isr, id) != partition.isr.end();
  };
  return partition.leader != kNoBroker && !partition.replicas.empty() &&
         std::ranges::all_of(partition.replicas, is_in_sync);
}

StrayKeeper::StrayKeeper(Shard& first, Disk& disk) : shard_(first), disk_(disk) {}

void StrayKeeper::start() { look(); }

void StrayKeeper::look_later() {
  const std::int64_t keep_ms = live_number(shard_.settings(), *shard_.image(), kStrayKeepMs);
  const std::int64_t wait_ms = std::clamp(keep_ms / 4, kLookMsMin, kLookMsMax);
  shard_.loop().after(std::chrono::milliseconds{wait_ms}, [this] { look(); });
}

void StrayKeeper::look() {
  shard_.disk_pool().submit([this, known = strays_] {
    auto found = std::make_shared<Result<std::vector<StrayDirectory>>>(
        list_strays(disk_, wall_now(), known));
    shard_.loop().post([this, found] { judge(std::move(*found)); });
  });
}

void StrayKeeper::judge(Result<std::vector<StrayDirectory>> found) {
  look_later();
  if (!found) {
    log_limited(LogLevel::warn, "partition", "strays", "cannot look after stray directories",
                {{"error", found.error().message()}});
    return;
  }
  strays_ = std::move(found).value();
  const MetadataImage& image = *shard_.image();
  const BrokerImage* const self = image.broker(shard_.broker_id());
  const bool is_current = self != nullptr && self->incarnation == shard_.incarnation();
  const std::int64_t keep_ms = live_number(shard_.settings(), image, kStrayKeepMs);
  if (!is_current || keep_ms >= kStrayKeptForEver) return;
  const Timestamp now = wall_now();
  for (const StrayDirectory& stray : strays_) {
    if (now.value() - stray.since.value() < keep_ms) continue;
    if (is_needed_no_more(image, stray.key)) {
      remove(stray);
    } else if (named_.insert(stray.directory).second) {
      log_line(
          LogLevel::warn, "partition",
          "a stray directory is kept beyond its time: not all replicas of the partition are in "
          "sync",
          {{"directory", stray.directory}});
    }
  }
}

void StrayKeeper::remove(const StrayDirectory& stray) {
  shard_.disk_pool().submit([this, stray] {
    const Result<void> removed = remove_stray(disk_, stray.directory);
    if (!removed) {
      log_limited(LogLevel::error, "partition", "stray", "cannot remove a stray directory",
                  {{"directory", stray.directory}, {"error", removed.error().message()}});
      return;
    }
    log_line(LogLevel::info, "partition", "removed a stray directory",
             {{"directory", stray.directory}, {"bytes", stray.bytes}});
  });
}

}  // namespace strandline
