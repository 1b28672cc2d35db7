#include "replication/metadata/image.h"

#include <algorithm>

#include "protocol/base/errc.h"
#include "protocol/base/hash.h"
#include "replication/metadata/level.h"

namespace strandline {

std::uint64_t NameHash::operator()(std::string_view name) const { return xxh3(as_bytes(name)); }
std::uint64_t UuidHash::operator()(const Uuid& id) const { return xxh3(id.bytes); }

BrokerRegistrationRecord record_of(const BrokerImage& broker) {
  return {.broker = broker.id,
          .incarnation = broker.incarnation,
          .broker_epoch = broker.broker_epoch,
          .advertised = broker.advertised,
          .rack = broker.rack,
          .fenced = broker.fenced,
          .stopping = broker.stopping,
          .directory = broker.directory,
          .rpc = broker.rpc,
          .shards = broker.shards,
          .metadata_version_max = broker.metadata_version_max};
}

PartitionRecord record_of(const Uuid& topic_id, PartitionIndex index,
                          const PartitionImage& partition) {
  return {.topic_id = topic_id,
          .partition = index,
          .replicas = partition.replicas,
          .isr = partition.isr,
          .leader = partition.leader,
          .leader_epoch = partition.leader_epoch,
          .partition_epoch = partition.partition_epoch,
          .elr = partition.elr,
          .adding = partition.adding,
          .removing = partition.removing,
          .cut = partition.cut};
}

PartitionImage image_of(const PartitionRecord& record) {
  return {.replicas = record.replicas,
          .isr = record.isr,
          .leader = record.leader,
          .leader_epoch = record.leader_epoch,
          .partition_epoch = record.partition_epoch,
          .elr = record.elr,
          .adding = record.adding,
          .removing = record.removing,
          .cut = record.cut};
}

bool is_unopened(const PartitionImage& partition, BrokerId broker) {
  const auto at = std::ranges::find(partition.cut, broker, &CutReplica::broker);
  return at != partition.cut.end() && !at->end;
}

TopicPtr MetadataImage::topic(std::string_view name) const {
  const auto* found = topics.find(name);
  return found == nullptr ? nullptr : *found;
}

TopicPtr MetadataImage::topic(const Uuid& id) const {
  const auto* found = topics_by_id.find(id);
  return found == nullptr ? nullptr : *found;
}

const BrokerImage* MetadataImage::broker(BrokerId id) const {
  const auto it = brokers.find(id);
  return it == brokers.end() ? nullptr : &it->second;
}

const PartitionImage* MetadataImage::partition(std::string_view topic_name,
                                               PartitionIndex index) const {
  const auto* found = topics.find(topic_name);
  if (found == nullptr || index.value() < 0) return nullptr;
  const auto& partitions = (*found)->partitions;
  const auto at = static_cast<std::size_t>(index.value());
  return at < partitions.size() ? &partitions[at] : nullptr;
}

std::vector<TopicPtr> MetadataImage::topics_sorted() const {
  std::vector<TopicPtr> sorted;
  sorted.reserve(topics.size());
  topics.for_each([&](const std::string&, const TopicPtr& topic) { sorted.push_back(topic); });
  std::ranges::sort(sorted, {},
                    [](const TopicPtr& topic) -> const std::string& { return topic->name; });
  return sorted;
}

std::vector<const BrokerImage*> MetadataImage::live_brokers() const {
  std::vector<const BrokerImage*> live;
  for (const auto& [id, broker] : brokers) {
    if (broker.can_lead()) live.push_back(&broker);
  }
  return live;
}

std::int32_t MetadataImage::feature_level() const {
  const auto found = features.find(kMetadataVersionFeature);
  return found == features.end() ? 0 : found->second;
}

const ConfigMap& MetadataImage::broker_overrides(std::string_view broker) const {
  static const ConfigMap none;
  const auto it = broker_configs.find(broker);
  return it == broker_configs.end() ? none : it->second;
}

std::int32_t TopicImage::replication_factor() const {
  if (partitions.empty()) return 0;
  const PartitionImage& first = partitions.front();
  const std::size_t passing = std::max(first.adding.size(), first.removing.size());
  return static_cast<std::int32_t>(first.replicas.size() -
                                   std::min(passing, first.replicas.size()));
}

std::vector<TopicConfigLayer> topic_config_layers(const MetadataImage& image,
                                                  const TopicImage* topic, BrokerId self,
                                                  const ConfigMap& static_defaults) {
  std::vector<TopicConfigLayer> layers;
  if (topic != nullptr) layers.push_back({&topic->configs, ConfigSource::topic, ""});
  layers.push_back({&image.broker_overrides(std::to_string(self.value())),
                    ConfigSource::dynamic_broker, kTopicDefaultsPrefix});
  layers.push_back(
      {&image.broker_overrides(""), ConfigSource::dynamic_default_broker, kTopicDefaultsPrefix});
  layers.push_back({&static_defaults, ConfigSource::static_broker, kTopicDefaultsPrefix});
  return layers;
}

TopicConfig topic_config(const MetadataImage& image, const TopicImage& topic, BrokerId self,
                         const ConfigMap& static_defaults) {
  return effective_topic_config(topic_config_layers(image, &topic, self, static_defaults),
                                topic.replication_factor());
}

std::string folded_topic_name(std::string_view name) {
  std::string folded{name};
  std::ranges::replace(folded, '.', '_');
  return folded;
}

bool is_internal_topic(std::string_view name) {
  return name == "__consumer_offsets" || name == "__transaction_state" ||
         name == kClusterMetadataTopic;
}

MetadataState::MetadataState(const Uuid& cluster_id) { image_.cluster_id = cluster_id; }

MetadataState::MetadataState(const MetadataImage& image) : image_(image) {
  image_.topics.for_each([this](const std::string& name, const TopicPtr&) {
    folded_names_[folded_topic_name(name)] = name;
  });
}

Result<void> MetadataState::apply(const MetadataRecord& record) {
  STRANDLINE_TRYV(std::visit([this](const auto& kind) { return apply_one(kind); }, record));
  ++image_.version;
  return success();
}

std::shared_ptr<const MetadataImage> MetadataState::publish() {
  edited_.clear();
  return std::make_shared<const MetadataImage>(image_);
}

const std::string* MetadataState::colliding_topic(std::string_view name) const {
  const auto it = folded_names_.find(folded_topic_name(name));
  return it == folded_names_.end() ? nullptr : &it->second;
}

// A topic that may be written in place: copied on the first change after a publish(), so that a
// topic with many partitions is copied once and not once a partition.
TopicImage* MetadataState::editable(const Uuid& topic_id) {
  if (const auto it = edited_.find(topic_id); it != edited_.end()) return it->second.get();
  const auto published = image_.topic(topic_id);
  if (!published) return nullptr;
  auto copy = std::make_shared<TopicImage>(*published);
  image_.topics.set(copy->name, copy);
  image_.topics_by_id.set(topic_id, copy);
  return edited_.emplace(topic_id, std::move(copy)).first->second.get();
}

Result<void> MetadataState::apply_one(const TopicRecord& record) {
  if (image_.topic(record.name) || image_.topic(record.topic_id)) return Errc::corrupt_file;
  auto topic = std::make_shared<TopicImage>();
  topic->id = record.topic_id;
  topic->name = record.name;
  topic->is_internal = is_internal_topic(record.name);
  image_.topics.set(topic->name, topic);
  image_.topics_by_id.set(topic->id, topic);
  folded_names_[folded_topic_name(topic->name)] = topic->name;
  const auto id = topic->id;
  edited_.emplace(id, std::move(topic));
  return success();
}

Result<void> MetadataState::apply_one(const PartitionRecord& record) {
  const auto known = image_.topic(record.topic_id);
  if (!known) return Errc::corrupt_file;
  const auto at = static_cast<std::size_t>(record.partition.value());
  if (at > known->partitions.size()) return Errc::corrupt_file;
  const bool is_new = at == known->partitions.size();
  if (!is_new) {
    const auto& before = known->partitions[at];
    if (record.leader_epoch < before.leader_epoch ||
        record.partition_epoch < before.partition_epoch) {
      return Errc::corrupt_file;
    }
  }
  PartitionImage partition = image_of(record);
  auto& partitions = editable(record.topic_id)->partitions;
  if (is_new) {
    partitions.push_back(std::move(partition));
    ++image_.partition_count;
  } else {
    partitions[at] = std::move(partition);
  }
  return success();
}

Result<void> MetadataState::apply_one(const RemoveTopicRecord& record) {
  const auto topic = image_.topic(record.topic_id);
  if (!topic) return success();  // removed before: two deletions may have been decided
  image_.partition_count -= static_cast<std::int64_t>(topic->partitions.size());
  image_.topics.erase(topic->name);
  folded_names_.erase(folded_topic_name(topic->name));
  image_.topics_by_id.erase(record.topic_id);
  edited_.erase(record.topic_id);
  return success();
}

Result<void> MetadataState::apply_one(const ConfigRecord& record) {
  const auto change = [&](ConfigMap& configs) {
    if (record.value) {
      configs[record.name] = *record.value;
    } else {
      configs.erase(record.name);
    }
  };
  if (record.resource == ConfigResource::broker) {
    auto& configs = image_.broker_configs[record.resource_name];
    change(configs);
    if (configs.empty()) image_.broker_configs.erase(record.resource_name);
    return success();
  }
  const auto topic = image_.topic(record.resource_name);
  if (!topic) return success();  // the topic has gone meanwhile, and its configs with it
  change(editable(topic->id)->configs);
  return success();
}

Result<void> MetadataState::apply_one(const ProducerIdsRecord& record) {
  if (record.next < image_.next_producer_id) return Errc::corrupt_file;
  image_.next_producer_id = record.next;
  return success();
}

Result<void> MetadataState::apply_one(const BrokerRegistrationRecord& record) {
  const auto* before = image_.broker(record.broker);
  if (before != nullptr && record.broker_epoch < before->broker_epoch) return Errc::corrupt_file;
  const bool restarted = before != nullptr && before->incarnation != record.incarnation;
  image_.brokers[record.broker] = {.id = record.broker,
                                   .incarnation = record.incarnation,
                                   .broker_epoch = record.broker_epoch,
                                   .advertised = record.advertised,
                                   .rack = record.rack,
                                   .fenced = record.fenced,
                                   .stopping = record.stopping,
                                   .directory = record.directory,
                                   .rpc = record.rpc,
                                   .shards = record.shards,
                                   .metadata_version_max = record.metadata_version_max};
  if (restarted) take_leadership_on(record.broker);
  return success();
}

// What the broker's unclean stop may have cut off was written under the old epoch; what comes after
// must not be mistaken for it (KIP-101), so its leaderships begin anew.
void MetadataState::take_leadership_on(BrokerId broker) {
  std::vector<Uuid> led;
  image_.topics_by_id.for_each([&](const Uuid& id, const TopicPtr& topic) {
    const auto leads = [&](const PartitionImage& partition) { return partition.leader == broker; };
    if (std::ranges::any_of(topic->partitions, leads)) led.push_back(id);
  });
  for (const auto& id : led) {
    for (auto& partition : editable(id)->partitions) {
      if (partition.leader != broker) continue;
      ++partition.leader_epoch;
      ++partition.partition_epoch;
    }
  }
}

Result<void> MetadataState::apply_one(const FeatureLevelRecord& record) {
  if (record.name == kMetadataVersionFeature && record.level > kMetadataVersion) {
    return Errc::unsupported_format;
  }
  image_.features[record.name] = record.level;
  return success();
}

Result<void> MetadataState::apply_one(const VotersRecord& record) {
  image_.voters = record;
  return success();
}

Result<void> MetadataState::apply_one(const LeaderRecord&) { return success(); }

}  // namespace strandline
