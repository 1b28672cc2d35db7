#include "broker/partition/partition_manager.h"

#include <algorithm>
#include <utility>

#include "broker/logging/log.h"
#include "broker/partition/keyed_topic.h"
#include "broker/partition/partition_directory.h"
#include "broker/partition/replica_services.h"
#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"

namespace strandline {
namespace {

// After the disk refused to open a log.
constexpr Duration kOpenAgain = std::chrono::seconds{1};
// After the controller was told that a log has opened, and still waits for it.
constexpr Duration kTellAgain = std::chrono::seconds{2};

// Who cannot tell does not vouch.
bool does_lack(const Result<bool>& lacks) { return !lacks || lacks.value(); }

}  // namespace

struct PartitionManager::OpenedLog {
  Result<std::unique_ptr<PartitionLog>> log;
  bool lacks_records = false;  // that it once had
};

// One apply() on its way: what must be open before the image may be shown.
struct PartitionManager::Opening {
  std::shared_ptr<const MetadataImage> image;
  std::function<void()> applied;
  std::size_t outstanding = 1;  // one for the walk itself
};

PartitionManager::PartitionManager(Shard& shard, Disk& disk, Checkpoint& checkpoint,
                                   DamageReporter& reporter)
    : shard_(shard), disk_(disk), checkpoint_(checkpoint), reporter_(reporter) {
  shard_.when_damage_is_found([this](const PartitionKey& key) { found_damage(key); });
}

// Met while it is read. Told once; and again when the partition changes, as long as it is so.
void PartitionManager::found_damage(const PartitionKey& key) {
  if (damaged_.insert(key).second) shard_.report_damage(key);
}

// Nobody counts on this replica any more, and another one has the records.
bool PartitionManager::may_fill_again(const PartitionKey& key,
                                      const PartitionImage& partition) const {
  const auto counts = [this](const std::vector<BrokerId>& brokers) {
    return std::ranges::find(brokers, shard_.broker_id()) != brokers.end();
  };
  if (!damaged_.contains(key)) return false;
  // A leader that knows what this log had in its term may take it back for that at any moment, and
  // takes streams that begin to count anew for old ones.
  const Partition* const here = shard_.partitions().find(key);
  const bool is_known = here != nullptr && here->leader_epoch() >= partition.leader_epoch;
  return !is_known && partition.leader != kNoBroker && partition.leader != shard_.broker_id() &&
         !counts(partition.isr) && !counts(partition.elr);
}

void PartitionManager::fill_again(const std::shared_ptr<Opening>& opening, const TopicPtr& topic,
                                  PartitionIndex index) {
  const PartitionKey key{topic->id, index};
  damaged_.erase(key);
  std::shared_ptr<Partition> partition = shard_.partitions().extract(key);
  if (partition == nullptr) return open_partition(opening, topic, index, Records::put_aside);
  ++opening->outstanding;
  Partition& leaving = *partition;
  leaving.abandon(make_error_code(Errc::not_leader_or_follower));
  leaving.after_cut([this, opening, topic, index, partition = std::move(partition)] {
    open_partition(opening, topic, index, Records::put_aside);
    opened_one(opening);
  });
}

bool PartitionManager::has_replica(const PartitionImage& partition) const {
  return std::ranges::find(partition.replicas, shard_.broker_id()) != partition.replicas.end();
}

RecoveryPoint PartitionManager::recovery_point(const PartitionKey& key) const {
  const std::optional<PartitionCheckpoint> state = checkpoint_.find(key);
  if (!state) return RecoveryPoint{};
  return {.known = true, .log_start_is_exact = !checkpoint_.may_be_behind(), .state = *state};
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
      if (!has_replica(topic->partitions[i])) continue;
      if (shard_.owner_of(id, index) != shard_.index()) continue;
      const PartitionKey key{id, index};
      if (may_fill_again(key, topic->partitions[i])) {
        fill_again(opening, topic, index);
        continue;
      }
      if (const auto leaving = leaving_.find(key); leaving != leaving_.end()) {
        // It was taken away and given back; what goes may not take along what comes.
        ++opening->outstanding;
        leaving->second.emplace_back([this, opening, topic, index] {
          open_partition(opening, topic, index, Records::kept);
          opened_one(opening);
        });
        continue;
      }
      if (damaged_.contains(key)) shard_.report_damage(key);
      const bool here =
          shard_.partitions().find(key) != nullptr || shard_.partitions().offline().contains(key);
      if (!here) open_partition(opening, topic, index, Records::kept);
    }
  });
  opened_one(opening);
}

void PartitionManager::open_partition(const std::shared_ptr<Opening>& opening,
                                      const TopicPtr& topic, PartitionIndex index,
                                      Records records) {
  ++opening->outstanding;
  opening_.insert({topic->id, index});
  const auto config = std::make_shared<const TopicConfig>(
      topic_config(*opening->image, *topic, shard_.broker_id(), shard_.settings().topic_defaults));
  shard_.disk_pool().submit([this, opening, topic, index, config, records] {
    OpenedLog opened = open_log(*topic, index, *config, records);
    shard_.loop().post([this, opening, topic, index, config, log = std::move(opened)]() mutable {
      log_opened(*topic, index, config, std::move(log));
      opened_one(opening);
    });
  });
}

// On a disk thread.
PartitionManager::OpenedLog PartitionManager::open_log(const TopicImage& topic,
                                                       PartitionIndex index,
                                                       const TopicConfig& config, Records records) {
  const PartitionKey key{topic.id, index};
  const std::string directory = partition_directory(topic.name, index);
  const auto open = [&]() -> Result<std::unique_ptr<PartitionLog>> {
    STRANDLINE_TRYV(claim_partition_directory(disk_, directory, topic.id, reporter_));
    return PartitionLog::open(disk_, directory, log_config(config, shard_.settings()),
                              recovery_point(key), wall_now(), reporter_);
  };
  OpenedLog opened{.log = make_error_code(Errc::corrupt_file)};
  if (records == Records::kept) opened.log = open();
  const PartitionImage& partition = topic.partitions[static_cast<std::size_t>(index.value())];
  const bool has_others = partition.replicas.size() > 1 && partition.leader != shard_.broker_id();
  const bool is_damaged =
      !opened.log && opened.log.error() == make_error_code(Errc::corrupt_file) && has_others;
  if (is_damaged) {
    const auto start_anew = [&]() -> Result<std::unique_ptr<PartitionLog>> {
      STRANDLINE_TRYV(replace_damaged_directory(disk_, directory, topic.id, wall_now(), reporter_));
      checkpoint_.remove(key);
      STRANDLINE_TRYV(checkpoint_.write());
      return open();
    };
    opened.log = start_anew();
  }
  if (opened.log) opened.lacks_records = does_lack(lacks_records(disk_, directory));
  return opened;
}

void PartitionManager::log_opened(const TopicImage& topic, PartitionIndex index,
                                  std::shared_ptr<const TopicConfig> config, OpenedLog opened) {
  const PartitionKey key{topic.id, index};
  opening_.erase(opening_.find(key));
  std::erase(findings_.damaged, key);
  std::erase(findings_.unopened, key);
  if (!opened.log || opened.lacks_records) findings_.damaged.push_back(key);
  if (!opened.log) findings_.unopened.push_back(key);
  if (!opened.log) {
    shard_.partitions().insert_offline(key);
    if (opened.log.error() == make_error_code(Errc::corrupt_file)) {
      damaged_.insert(key);
    } else {
      shard_.loop().after(kOpenAgain, [this, key] { open_again(key); });
    }
    log_limited(
        LogLevel::error, "partition", "open", "the log does not open; the partition is offline",
        {{"topic", topic.name}, {"partition", index}, {"error", opened.log.error().message()}});
    return;
  }
  std::unique_ptr<PartitionLog> log = std::move(opened.log).value();
  if (log->tail_was_cut()) {
    findings_.cut.push_back({key, log->epochs().latest(), log->log_end_offset()});
    cuts_.push_back(log->directory());
  }
  auto partition =
      std::make_shared<Partition>(shard_, topic.name, key, std::move(config), std::move(log));
  if (opened.lacks_records) partition->set_needs_catch_up();
  shard_.partitions().insert(key, std::move(partition));
}

// The disk may have been full, or have failed for a moment. Opening goes by what is on the disk and
// not by what was written before: it may be tried again where a sync may not.
void PartitionManager::open_again(const PartitionKey& key) {
  const std::shared_ptr<const MetadataImage> image = shard_.image();
  const TopicPtr topic = image->topic(key.topic_id);
  if (topic == nullptr || !shard_.partitions().offline().contains(key)) return;
  const auto config = std::make_shared<const TopicConfig>(
      topic_config(*image, *topic, shard_.broker_id(), shard_.settings().topic_defaults));
  opening_.insert(key);
  shard_.disk_pool().submit([this, key, topic, config] {
    OpenedLog opened = open_log(*topic, key.partition, *config, Records::kept);
    shard_.loop().post([this, key, topic, config, log = std::move(opened)]() mutable {
      opened_again(key, *topic, config, std::move(log));
    });
  });
}

void PartitionManager::opened_again(const PartitionKey& key, const TopicImage& topic,
                                    const std::shared_ptr<const TopicConfig>& config,
                                    OpenedLog opened) {
  // It may have been taken away from here meanwhile.
  if (!shard_.partitions().offline().contains(key)) {
    opening_.erase(opening_.find(key));
    return;
  }
  shard_.partitions().extract(key);
  log_opened(topic, key.partition, config, std::move(opened));
  Partition* const partition = shard_.partitions().find(key);
  const TopicPtr now = shard_.image()->topic(key.topic_id);
  if (partition == nullptr || now == nullptr) return;
  partition->set_config(shard_.topic_config(*now));
  partition->set_view(view_of(*shard_.image(), *now, key.partition));
  tell_if_opened(key);
}

// The controller waits for a log that did not open at this start, and here it is.
void PartitionManager::tell_if_opened(const PartitionKey& key) {
  const std::shared_ptr<const MetadataImage> image = shard_.image();
  const BrokerImage* const self = image->broker(shard_.broker_id());
  const TopicPtr topic = image->topic(key.topic_id);
  const bool is_shown = self != nullptr && self->incarnation == shard_.incarnation();
  if (!is_shown || topic == nullptr || shard_.partitions().find(key) == nullptr) return;
  const auto index = static_cast<std::size_t>(key.partition.value());
  if (!is_unopened(topic->partitions[index], self->id)) return;
  if (!told_opened_.insert(key).second) return;
  shard_.report_opened(key);
  shard_.loop().after(kTellAgain, [this, key] {
    told_opened_.erase(key);
    tell_if_opened(key);
  });
}

PartitionView PartitionManager::view_of(const MetadataImage& image, const TopicImage& topic,
                                        PartitionIndex index) const {
  const PartitionImage& now = topic.partitions[static_cast<std::size_t>(index.value())];
  const BrokerImage* const self = image.broker(shard_.broker_id());
  const bool is_present = self != nullptr && self->incarnation == shard_.incarnation();
  std::set<ReplicaId> barred;
  for (const BrokerId replica : now.replicas) {
    const BrokerImage* const broker = image.broker(replica);
    if (broker == nullptr || !broker->can_lead()) barred.insert(replica);
  }
  return {.leader = now.leader,
          .leader_epoch = now.leader_epoch,
          .replicas = now.replicas,
          .barred = std::move(barred),
          .isr = {.partition_epoch = PartitionEpoch{now.partition_epoch},
                  .members = now.isr,
                  .min_insync_replicas = shard_.topic_config(topic)->min_insync_replicas},
          .incarnation = is_present ? Incarnation{self->broker_epoch} : kNoIncarnation};
}

void PartitionManager::opened_one(const std::shared_ptr<Opening>& opening) {
  if (--opening->outstanding > 0) return;
  // New partitions are there before the image names them; old ones go after it has forgotten them.
  const std::shared_ptr<const MetadataImage> before = shard_.image();
  shard_.set_image(opening->image);
  remove_absent(*opening->image);
  if (shard_.replicas() != nullptr) shard_.replicas()->on_image(*opening->image);
  show_views(before.get(), *opening->image);
  forget_cuts(*opening->image);
  look_for_strays(*opening->image);
  opening->applied();
}

namespace {

bool same_brokers_can_lead(const MetadataImage& a, const MetadataImage& b) {
  return std::ranges::equal(a.brokers, b.brokers, [](const auto& one, const auto& other) {
    return one.first == other.first && one.second.can_lead() == other.second.can_lead();
  });
}

}  // namespace

// An image that shows this start shows that the controller was told what it has found.
void PartitionManager::forget_cuts(const MetadataImage& image) {
  const BrokerImage* const self = image.broker(shard_.broker_id());
  const bool is_told = self != nullptr && self->incarnation == shard_.incarnation();
  if (!is_told || cuts_.empty()) return;
  shard_.disk_pool().submit([&disk = disk_, cuts = std::exchange(cuts_, {})] {
    for (const std::string& directory : cuts) {
      const Result<void> done = PartitionLog::forget_cut(disk, directory);
      if (done) continue;
      log_line(LogLevel::warn, "partition", "a cut tail will be told of again by the next start",
               {{"directory", directory}, {"error", done.error().message()}});
    }
  });
}

// before   the image that was shown until now; none: this is the first
void PartitionManager::show_views(const MetadataImage* before, const MetadataImage& image) {
  const auto self_in = [&](const MetadataImage& in) { return in.broker(shard_.broker_id()); };
  const bool is_same_broker = before != nullptr && before->broker_configs == image.broker_configs &&
                              self_in(*before) != nullptr && self_in(image) != nullptr &&
                              self_in(*before)->incarnation == self_in(image)->incarnation &&
                              same_brokers_can_lead(*before, image);
  // A change of roles wakes clients, whose requests may not find the table half walked.
  std::vector<std::pair<std::shared_ptr<Partition>, TopicPtr>> changed;
  for (const auto& [key, partition] : shard_.partitions().all()) {
    TopicPtr topic = image.topic(key.topic_id);
    // An unchanged topic is the same object in both images.
    if (is_same_broker && before->topic(key.topic_id) == topic) continue;
    changed.emplace_back(partition, std::move(topic));
  }
  for (const auto& [partition, topic] : changed) {
    const auto config = shard_.topic_config(*topic);
    if (&partition->config() != config.get()) partition->set_config(config);
    partition->set_view(view_of(image, *topic, partition->key().partition));
    tell_if_opened(partition->key());
    const TopicPtr known = before == nullptr ? nullptr : before->topic(partition->key().topic_id);
    const bool has_grown = known != nullptr && known->partitions.size() < topic->partitions.size();
    // One broker says so, once.
    if (has_grown && partition->key().partition == PartitionIndex{0} && partition->leads()) {
      tell_if_keyed(*partition, static_cast<std::int64_t>(known->partitions.size()),
                    static_cast<std::int64_t>(topic->partitions.size()));
    }
  }
}

void PartitionManager::remove_absent(const MetadataImage& image) {
  const auto is_gone = [&](const PartitionKey& key) {
    const TopicPtr topic = image.topic(key.topic_id);
    const auto index = static_cast<std::size_t>(key.partition.value());
    return topic == nullptr || !has_replica(topic->partitions[index]);
  };
  std::vector<PartitionKey> gone;
  for (const auto& [key, partition] : shard_.partitions().all()) {
    if (is_gone(key)) gone.push_back(key);
  }
  for (const PartitionKey& key : gone) remove_partition(shard_.partitions().extract(key));
  std::erase_if(damaged_, is_gone);
  const auto offline = shard_.partitions().offline();
  for (const PartitionKey& key : offline) {
    if (!is_gone(key)) continue;
    shard_.partitions().extract(key);
    // Put aside: whoever deletes a damaged topic may still want to look into it.
    looked_for_strays_ = false;
  }
}

void PartitionManager::remove_partition(std::shared_ptr<Partition> partition) {
  Partition& leaving = *partition;
  leaving_.try_emplace(leaving.key());
  leaving.abandon(make_error_code(Errc::unknown_topic_or_partition));
  leaving.after_cut([this, partition = std::move(partition)]() mutable {
    remove_directory(std::move(partition));
  });
}

void PartitionManager::remove_directory(std::shared_ptr<Partition> partition) {
  const PartitionKey key = partition->key();
  const std::string directory = partition_directory(partition->topic(), key.partition);
  if (keeps_what_goes()) {
    leaving_.at(key).emplace_back([partition = std::move(partition)] {});
    return put_aside({directory, key});
  }
  shard_.disk_pool().submit([this, directory, partition = std::move(partition)]() mutable {
    checkpoint_.remove(partition->key());
    const Result<bool> removed =
        remove_partition_directory(disk_, directory, partition->key().topic_id);
    if (!removed) {
      log_line(LogLevel::error, "partition", "cannot remove the directory of a deleted partition",
               {{"topic", partition->topic()},
                {"partition", partition->key().partition},
                {"error", removed.error().message()}});
    }
    // Its last share goes on the shard, where a read of it may still be finishing.
    shard_.loop().post(
        [this, partition = std::move(partition)] { directory_is_removed(partition->key()); });
  });
}

void PartitionManager::directory_is_removed(const PartitionKey& key) {
  const auto leaving = leaving_.find(key);
  STRANDLINE_ASSERT(leaving != leaving_.end());
  std::vector<Task> waiting = std::move(leaving->second);
  leaving_.erase(leaving);
  for (Task& task : waiting) task();
}

Result<void> PartitionManager::remove_leftovers(Disk& disk) {
  return remove_doomed_directories(disk);
}

}  // namespace strandline
