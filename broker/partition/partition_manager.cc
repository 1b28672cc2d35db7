#include "broker/partition/partition_manager.h"

#include <mutex>
#include <string_view>
#include <utility>

#include "broker/logging/log.h"
#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"

namespace strandline {
namespace {

constexpr std::string_view kDeleteSuffix = "-delete";
constexpr std::string_view kIdentityFile = "/partition.metadata";
constexpr std::string_view kIdentityPrefix = "version: 0\ntopic_id: ";

std::string doomed_name(const std::string& directory, const Uuid& topic_id) {
  return directory + "." + to_text(topic_id) + std::string{kDeleteSuffix};
}

Result<void> write_identity(Disk& disk, const std::string& directory, const Uuid& topic_id) {
  STRANDLINE_TRY(const auto file,
                 disk.open(directory + std::string{kIdentityFile}, OpenMode::create_or_open));
  const std::string text = std::string{kIdentityPrefix} + to_text(topic_id) + "\n";
  STRANDLINE_TRYV(file->write_at(0, as_bytes(text)));
  STRANDLINE_TRYV(file->sync());
  STRANDLINE_TRYV(disk.sync_directory(directory));
  return success();
}

// The topic id a directory belongs to; zero when it does not say (its creation was interrupted).
Result<Uuid> read_identity(Disk& disk, const std::string& directory) {
  const std::string path = directory + std::string{kIdentityFile};
  STRANDLINE_TRY(const bool exists, disk.exists(path));
  if (!exists) return Uuid{};
  STRANDLINE_TRY(const auto file, disk.open(path, OpenMode::read));
  std::byte buffer[128];
  STRANDLINE_TRY(const std::size_t size, file->read_at(0, buffer));
  std::string_view text = as_text(ByteView{buffer, size});
  if (!text.starts_with(kIdentityPrefix)) return Uuid{};
  text.remove_prefix(kIdentityPrefix.size());
  if (text.ends_with('\n')) text.remove_suffix(1);
  const auto id = uuid_from_text(text);
  return id ? id.value() : Uuid{};
}

// Held while a directory changes its name: a topic may be deleted on one shard while another of the
// same name is made on the next.
std::mutex renaming;

// Takes the directory away if it belongs to `topic_id`. Returns whether it did.
Result<bool> doom_directory(Disk& disk, const std::string& directory, const Uuid& topic_id) {
  const std::string doomed = doomed_name(directory, topic_id);
  {
    const std::lock_guard lock{renaming};
    STRANDLINE_TRY(const bool exists, disk.exists(directory));
    if (!exists) return false;
    STRANDLINE_TRY(const Uuid owner, read_identity(disk, directory));
    if (owner != topic_id) return false;
    STRANDLINE_TRYV(disk.rename(directory, doomed));
  }
  STRANDLINE_TRYV(disk.sync_directory(""));
  STRANDLINE_TRYV(disk.remove_tree(doomed));
  return true;
}

// Makes sure that `directory` is there and is this topic's.
Result<void> claim_directory(Disk& disk, const std::string& directory, const Uuid& topic_id) {
  STRANDLINE_TRY(const bool exists, disk.exists(directory));
  if (exists) {
    STRANDLINE_TRY(const Uuid owner, read_identity(disk, directory));
    if (owner == topic_id) return success();
    STRANDLINE_TRYV(doom_directory(disk, directory, owner));
  }
  STRANDLINE_TRYV(disk.create_directories(directory));
  STRANDLINE_TRYV(write_identity(disk, directory, topic_id));
  STRANDLINE_TRYV(disk.sync_directory(""));
  return success();
}

}  // namespace

std::string partition_directory(const std::string& topic, PartitionIndex partition) {
  return topic + "-" + std::to_string(partition.value());
}

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
    const Result<void> claimed = claim_directory(disk_, directory, topic->id);
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
    const Result<bool> removed =
        doom_directory(disk_, partition_directory(partition->topic(), partition->key().partition),
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
  STRANDLINE_TRY(const std::vector<std::string> names, disk.list(""));
  for (const std::string& name : names) {
    if (name.ends_with(std::string{kDeleteSuffix} + "/")) {
      STRANDLINE_TRYV(disk.remove_tree(name.substr(0, name.size() - 1)));
    }
  }
  return success();
}

}  // namespace strandline
