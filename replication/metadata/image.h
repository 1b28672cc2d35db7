// All that the cluster's metadata log says, at one offset of it: topics, partitions, configs,
// brokers. Shards hold it as shared_ptr<const MetadataImage> and never see it change; a copy shares
// all topics with its original.
//
// Thread   any, once published; before that its MetadataState's owner
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/host_port.h"
#include "protocol/base/ids.h"
#include "protocol/base/uuid.h"
#include "protocol/proto/metadata_records.h"
#include "replication/metadata/config_def.h"
#include "replication/metadata/cow_map.h"
#include "replication/metadata/topic_config.h"

namespace strandline {

struct PartitionImage {
  std::vector<BrokerId> replicas;  // in order of preference
  std::vector<BrokerId> isr;
  BrokerId leader = kNoBroker;  // kNoBroker: none at present
  LeaderEpoch leader_epoch;
  std::int32_t partition_epoch = 0;  // grows with every change of the partition
  std::vector<BrokerId> elr;         // eligible leader replicas: out of sync, yet complete
  std::vector<BrokerId> adding;      // of a reassignment under way
  std::vector<BrokerId> removing;
  // While there is no leader: complete ones that may lack something, or whose log did not open.
  std::vector<CutReplica> cut;
  friend bool operator==(const PartitionImage&, const PartitionImage&) = default;
};

// The record that sets a partition to this state, and the state that it sets.
PartitionRecord record_of(const Uuid& topic_id, PartitionIndex index,
                          const PartitionImage& partition);
PartitionImage image_of(const PartitionRecord& record);

// Whether that replica is complete and the controller waits for its log to open.
bool is_unopened(const PartitionImage& partition, BrokerId broker);

struct TopicImage {
  Uuid id;
  std::string name;
  std::vector<PartitionImage> partitions;  // by index, dense from 0
  ConfigMap configs;                       // overrides only
  bool is_internal = false;                // "__consumer_offsets" and the like

  // While it is being reassigned the lesser of before and after: what the defaults derive from it
  // must be reachable with the replicas that are complete.
  std::int32_t replication_factor() const;
  friend bool operator==(const TopicImage&, const TopicImage&) = default;
};
using TopicPtr = std::shared_ptr<const TopicImage>;

struct BrokerImage {
  BrokerId id = kNoBroker;
  Uuid incarnation;
  std::int64_t broker_epoch = 0;
  std::optional<HostPort> advertised;  // none: the address the client came to
  std::optional<std::string> rack;
  bool fenced = false;
  bool stopping = false;  // leads nothing any more, about to end
  Uuid directory;         // zero: not known
  std::optional<HostPort> rpc;
  std::int32_t shards = 0;                // 0: not known
  std::int32_t metadata_version_max = 0;  // 0: not known
  bool can_lead() const { return !fenced && !stopping; }
  friend bool operator==(const BrokerImage&, const BrokerImage&) = default;
};

// The record that sets a broker to this state.
BrokerRegistrationRecord record_of(const BrokerImage& broker);

struct NameHash {
  std::uint64_t operator()(std::string_view name) const;
};
struct UuidHash {
  std::uint64_t operator()(const Uuid& id) const;
};

struct MetadataImage {
  Uuid cluster_id;
  CowMap<std::string, TopicPtr, NameHash> topics;
  CowMap<Uuid, TopicPtr, UuidHash> topics_by_id;
  std::map<BrokerId, BrokerImage> brokers;
  std::map<std::string, ConfigMap, std::less<>> broker_configs;  // by id in digits, "" for all
  std::map<std::string, std::int32_t, std::less<>> features;     // finalised levels
  ProducerId next_producer_id{0};
  VotersRecord voters;  // of the metadata log; none named: the lone broker of an older version
  std::int64_t partition_count = 0;
  std::uint64_t version = 0;  // records applied so far; grows with every change

  // nullptr when there is none.
  TopicPtr topic(std::string_view name) const;
  TopicPtr topic(const Uuid& id) const;
  const BrokerImage* broker(BrokerId id) const;
  const PartitionImage* partition(std::string_view topic, PartitionIndex index) const;

  // By name, for answers whose order shows outside.
  std::vector<TopicPtr> topics_sorted() const;

  // Brokers that are neither fenced nor stopping, by id.
  std::vector<const BrokerImage*> live_brokers() const;

  // The level of "metadata.version" that is finalised; 0: none is yet.
  std::int32_t feature_level() const;

  // Run-time overrides of `broker`, or of all brokers ("").
  const ConfigMap& broker_overrides(std::string_view broker) const;
};

// The form of a topic name in which '.' and '_' are the same.
std::string folded_topic_name(std::string_view name);

// The metadata log lies in the data directory under this name, so that no topic may have it.
inline constexpr std::string_view kClusterMetadataTopic = "__cluster_metadata";

// Topics that belong to the broker itself and cannot be written by clients.
bool is_internal_topic(std::string_view name);

// The layers that decide a topic's configs on broker `self`: its overrides, run-time defaults of
// that broker and of all, the settings file's. Good as long as all arguments are.
//
// topic             nullptr: the defaults alone
// static_defaults   keys with kTopicDefaultsPrefix
std::vector<TopicConfigLayer> topic_config_layers(const MetadataImage& image,
                                                  const TopicImage* topic, BrokerId self,
                                                  const ConfigMap& static_defaults);

TopicConfig topic_config(const MetadataImage& image, const TopicImage& topic, BrokerId self,
                         const ConfigMap& static_defaults);

// The image while records are applied to it.
//
// Thread   one owner
class MetadataState {
 public:
  explicit MetadataState(const Uuid& cluster_id);

  // Goes on from an image that was published.
  explicit MetadataState(const MetadataImage& image);

  // Applies one committed record. Records of a removed topic and of removed configs are harmless.
  //
  // Errors   unsupported_format   "metadata.version" above kMetadataVersion: this program is too
  // old
  //          corrupt_file         a record that cannot follow the ones before (a partition of an
  //                               unknown topic, an index with a gap, a name taken, an older
  //                               epoch); nothing changed
  Result<void> apply(const MetadataRecord& record);

  const MetadataImage& image() const { return image_; }

  // The existing topic whose name differs from `name` at most in '.' for '_': the two could not be
  // told apart in metric names. nullptr when there is none.
  const std::string* colliding_topic(std::string_view name) const;

  // The image as it is now, to be handed to shards. Costs a copy of bucket pointers.
  std::shared_ptr<const MetadataImage> publish();

 private:
  Result<void> apply_one(const TopicRecord& record);
  Result<void> apply_one(const PartitionRecord& record);
  Result<void> apply_one(const RemoveTopicRecord& record);
  Result<void> apply_one(const ConfigRecord& record);
  Result<void> apply_one(const ProducerIdsRecord& record);
  Result<void> apply_one(const BrokerRegistrationRecord& record);
  Result<void> apply_one(const FeatureLevelRecord& record);
  Result<void> apply_one(const VotersRecord& record);
  Result<void> apply_one(const LeaderRecord& record);
  TopicImage* editable(const Uuid& topic_id);
  void take_leadership_on(BrokerId broker);

  MetadataImage image_;
  // Names with '.' as '_' to the names themselves.
  std::map<std::string, std::string, std::less<>> folded_names_;
  // Topics copied since the last publish(): only these may be written in place.
  std::map<Uuid, std::shared_ptr<TopicImage>> edited_;
};

}  // namespace strandline
