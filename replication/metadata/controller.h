// Decides about topics, partitions, configs and producer ids. A call checks a request against the
// present state and returns what to answer and which records would bring it about; it changes
// nothing. State changes in replay() alone, so that a restart is the same replay.
//
// The owner appends a decision's records as one batch, replays them at once (the next decision must
// see them), and shows the published image and the answer when the batch is committed.
//
// Thread   one owner
// Errors   every item of a request has an Outcome of its own: Errc::ok, or what the client is told
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "protocol/base/errc.h"
#include "protocol/base/ids.h"
#include "protocol/base/prng.h"
#include "protocol/base/uuid.h"
#include "replication/metadata/image.h"
#include "replication/metadata/level.h"
#include "replication/metadata/partition_change.h"

namespace strandline {

struct Outcome {
  Errc code = Errc::ok;
  std::string message;  // for people; empty when ok
  bool ok() const { return code == Errc::ok; }
};

struct ControllerConfig {
  BrokerId self = kNoBroker;  // whose run-time configs apply here
  bool auto_create_topics = true;
  bool delete_topics = true;
  std::int32_t num_partitions = 1;               // of a topic that names none
  std::int32_t default_replication_factor = -1;  // -1: min(3, live brokers)
  std::int64_t partitions_max = 50'000;          // in the cluster
  std::int32_t request_partitions_max = 10'000;  // created by one request: bounds its memory
  ConfigMap topic_defaults;                      // keys with kTopicDefaultsPrefix
  // What may be set on a broker at run time; sorted by name. Empty: nothing.
  std::vector<ConfigDef> broker_configs;
};

struct ReplicaAssignment {
  std::int32_t partition_index = 0;
  std::vector<BrokerId> brokers;
};

struct ConfigEntry {
  std::string name;
  std::optional<std::string> value;
};

struct NewTopic {
  std::string name;
  std::int32_t num_partitions = -1;
  std::int32_t replication_factor = -1;
  std::vector<ReplicaAssignment> assignments;  // with both numbers at -1
  std::vector<ConfigEntry> configs;
};

struct CreatedTopic {
  Outcome outcome;
  std::string name;
  Uuid id;                           // zero when refused, or only validated
  std::int32_t num_partitions = -1;  // that it was created with now; not of one found existing
  std::int32_t replication_factor = -1;
  ConfigMap configs;  // overrides
};

struct TopicSelector {
  std::optional<std::string> name;
  Uuid id;  // used when there is no name
};

struct DeletedTopic {
  Outcome outcome;
  std::optional<std::string> name;  // as asked, or as found by id
  Uuid id;
};

struct PartitionGrowth {
  std::string name;
  std::int32_t count = 0;  // the new total
  std::optional<std::vector<std::vector<BrokerId>>> assignments;
};

// The numbers are those of the Kafka protocol.
enum class ConfigOp : std::int8_t { set = 0, remove = 1, append = 2, subtract = 3 };

struct ConfigChange {
  std::string name;
  std::int8_t op = 0;  // a ConfigOp; others are refused
  std::optional<std::string> value;
};

struct ConfigAlteration {
  std::int8_t resource_type = 2;  // a ConfigResource; others are refused
  std::string resource_name;
  std::vector<ConfigChange> changes;  // a full replacement uses `set` throughout
};

// A broker that has started.
struct BrokerStart {
  BrokerId broker = kNoBroker;
  Uuid incarnation;
  Uuid directory;
  std::optional<HostPort> advertised;
  std::optional<HostPort> rpc;
  std::optional<std::string> rack;
  bool fenced = false;  // until it has caught up with the metadata; false for a lone broker
  bool clean = false;   // it ended its last life in order: everything was synced
  std::int32_t shards = 0;
  std::int32_t metadata_version_max = kMetadataVersion;
};

struct PartitionPlace {
  Uuid topic_id;
  PartitionIndex partition;

  friend auto operator<=>(const PartitionPlace&, const PartitionPlace&) = default;
};

// What a starting broker found in its logs; told before it is unfenced.
struct BrokerFindings {
  struct CutLog {
    PartitionPlace place;
    ReplicaLogEnd end;
  };
  std::vector<CutLog> cut;
  std::vector<PartitionPlace> damaged;
  std::vector<PartitionPlace> unopened;  // those of `damaged` of which no more is known
};

// A leader asks for another set of in-sync replicas.
struct IsrAlteration {
  struct Member {
    BrokerId broker;
    // Of the start that the leader has heard; -1 for a member that stays and was not heard.
    std::int64_t broker_epoch = -1;
  };
  PartitionPlace place;
  LeaderEpoch leader_epoch;
  std::int32_t partition_epoch = 0;  // that it is to follow on
  std::vector<Member> isr;
};

struct IsrAnswer {
  Outcome outcome;
  BrokerId at_fault = kNoBroker;  // the member that is not eligible
  PartitionImage partition;       // as it is from here on; also with a refusal, where it is known
  std::int32_t min_insync_replicas = 1;  // that went into it
};

struct Reassignment {
  PartitionPlace place;
  std::optional<std::vector<BrokerId>> replicas;  // none: the one under way is taken back
};

// One answer per item of the request, in its order, and the records of all that were granted. A
// topic that a request creates or deletes twice is answered once, with invalid_request.
template <class Item>
struct Decision {
  std::vector<Item> items;
  std::vector<MetadataRecord> records;  // empty when nothing is to be appended
};

struct QuorumStanding;  // safe_to_stop.h
struct StopAnswer;

struct ProducerIdBlock {
  ProducerId first = kNoProducerId;
  std::int32_t count = 0;
};
inline constexpr std::int32_t kProducerIdBlockSize = 1000;

struct ProducerIdsDecision {
  Outcome outcome;
  ProducerIdBlock block;
  std::vector<MetadataRecord> records;
};

class Controller {
 public:
  // `seed` makes the topic ids: unpredictable in production, fixed in tests.
  Controller(ControllerConfig config, const Uuid& cluster_id, std::uint64_t seed);

  // Goes on from what a log says.
  Controller(ControllerConfig config, const MetadataImage& image, std::uint64_t seed);

  // The metadata version that the log goes on with: the highest that all registered brokers, also
  // those that are down, and this program can work at. Empty when the log has it.
  std::vector<MetadataRecord> raise_level() const;

  // --- brokers and replicas (controller_replicas.cc)

  // A broker has started with a new incarnation; its broker epoch is one more than before. What it
  // led before is led by others now, or by itself in a new epoch; replicas that its start cannot
  // vouch for (another directory; an unclean end, for topics that do not sync what they
  // acknowledge) are complete no more.
  std::vector<MetadataRecord> register_broker(const BrokerStart& start) const;

  // The same with what it found; all of it together or nothing, since a broker that sees itself
  // registered forgets what it had to tell.
  std::vector<MetadataRecord> register_broker(const BrokerStart& start,
                                              const BrokerFindings& findings) const;

  // Which of its logs lack something, or may. Those that did not open at its last start have opened
  // unless it says otherwise.
  std::vector<MetadataRecord> note_findings(BrokerId broker, const BrokerFindings& findings) const;

  // Records of replicas on a broker that runs turned out to be damaged: they are complete no more,
  // where another one is that can lead, and it begins a new term. Nothing for a broker that has
  // registered again since.
  std::vector<MetadataRecord> note_damage(BrokerId broker, std::int64_t broker_epoch,
                                          std::span<const PartitionPlace> places) const;

  // Logs that did not open at its start have opened since. Nothing for a broker that has registered
  // again since.
  std::vector<MetadataRecord> note_opened(BrokerId broker, std::int64_t broker_epoch,
                                          std::span<const PartitionPlace> places) const;

  // Its disk does not come back with what it leads there: where another replica is in sync and can
  // lead, that one does, and it leaves the in-sync replicas. Nothing for a broker that has
  // registered again since.
  std::vector<MetadataRecord> note_stall(BrokerId broker, std::int64_t broker_epoch,
                                         std::span<const PartitionPlace> places) const;

  // It is not heard from: it leaves all in-sync replicas, and others lead.
  std::vector<MetadataRecord> fence_broker(BrokerId broker) const;

  // It is heard from and has caught up with the metadata: it may lead, and does where nobody could.
  std::vector<MetadataRecord> unfence_broker(BrokerId broker) const;

  // It wants to end: others lead where they can. Where none can it goes on until it is gone.
  std::vector<MetadataRecord> stop_broker(BrokerId broker) const;

  // Errors   of an item: unknown_topic_or_partition, invalid_request, fenced_leader_epoch,
  //          unknown_leader_epoch, invalid_update_version, ineligible_replica; of all items:
  //          stale_broker_epoch
  Decision<IsrAnswer> alter_isr(BrokerId leader, std::int64_t broker_epoch,
                                std::span<const IsrAlteration> proposals) const;

  // Errors   of an item: unknown_topic_or_partition, election_not_needed,
  //          preferred_leader_not_available, eligible_leaders_not_available, invalid_request named
  //          before
  Decision<Outcome> elect_leaders(std::span<const PartitionPlace> places, Election how) const;

  // Errors   of an item: unknown_topic_or_partition, invalid_replica_assignment,
  //          no_reassignment_in_progress, invalid_replication_factor   another number of replicas,
  //          where they may not be more or fewer, invalid_request   named before
  Decision<Outcome> reassign(std::span<const Reassignment> wanted,
                             bool may_change_factor = true) const;

  // Partitions without a leader whose complete replicas all cut their logs are not waited for any
  // longer.
  std::vector<MetadataRecord> stop_waiting_for_replicas() const;

  // Partitions that another than their preferred replica leads while that one could, at most so
  // many.
  std::vector<PartitionPlace> imbalanced(std::size_t most) const;

  // Whether a broker can be stopped now without harm; changes nothing. See safe_to_stop.h.
  StopAnswer safe_to_stop(BrokerId broker, const QuorumStanding& quorum) const;

  Decision<CreatedTopic> create_topics(std::span<const NewTopic> topics, bool validate_only);

  // Creates those of `names` that may be created by a client merely naming them. Answers ok for a
  // topic that exists meanwhile, unknown_topic_or_partition where auto-creation is off.
  Decision<CreatedTopic> auto_create_topics(std::span<const std::string> names);

  Decision<DeletedTopic> delete_topics(std::span<const TopicSelector> topics) const;

  Decision<Outcome> create_partitions(std::span<const PartitionGrowth> topics, bool validate_only);

  // Each resource's changes take effect together or not at all.
  Decision<Outcome> alter_configs_incrementally(std::span<const ConfigAlteration> resources,
                                                bool validate_only) const;

  // The entries replace all overrides of the resource.
  Decision<Outcome> replace_configs(std::span<const ConfigAlteration> resources,
                                    bool validate_only) const;

  ProducerIdsDecision allocate_producer_ids(BrokerId broker) const;

  // Whether the disk is filled to its second mark: from then on nothing is granted that needs room.
  // What frees space goes on, and blocks of producer ids, which are a few bytes each.
  void set_disk_full(bool disk_full) { disk_full_ = disk_full; }

  // See MetadataState::apply.
  Result<void> replay(const MetadataRecord& record) { return state_.apply(record); }

  const MetadataImage& image() const { return state_.image(); }
  std::shared_ptr<const MetadataImage> publish() { return state_.publish(); }
  const ControllerConfig& config() const { return config_; }

  // A broker-wide config: changed at run time for this broker, or for all, else as configured.
  bool auto_create_enabled() const;
  std::int32_t num_partitions() const;
  std::int32_t replication_factor() const;  // of a topic that names none; -1 resolved

 private:
  friend class TopicCreation;
  template <class Edit>
  void change(const TopicImage& topic, PartitionIndex index, BrokerId changed, bool can_lead,
              const Edit& edit, std::vector<MetadataRecord>& records) const;
  template <class Edit>
  std::vector<MetadataRecord> change_broker(const BrokerImage& after, const Edit& edit) const;
  std::int32_t min_insync_replicas(const TopicImage& topic) const;
  std::vector<PartitionPlace> unopened_on(BrokerId broker) const;
  Outcome check_proposal(BrokerId leader, const IsrAlteration& proposal, const PartitionImage& now,
                         BrokerId& at_fault) const;

  std::optional<std::string> run_time_config(std::string_view name) const;
  Decision<Outcome> alter(std::span<const ConfigAlteration> resources, bool replace,
                          bool validate_only) const;

  ControllerConfig config_;
  MetadataState state_;
  Prng prng_;
  bool disk_full_ = false;
};

// What every change that needs room is told while the disk is full.
Outcome disk_full_outcome();

// The first state of a partition: the live replicas are in sync, the first of them leads.
PartitionRecord first_partition_state(const MetadataImage& image, const Uuid& topic_id,
                                      PartitionIndex partition, std::vector<BrokerId> replicas);

// What is wrong with one manual replica list: an unknown broker, one named twice, none live.
Outcome check_replicas(const MetadataImage& image, std::span<const BrokerId> replicas);

// Name rules of Kafka: letters, digits, '.', '_', '-'; at most 249; not "." or "..".
Outcome check_topic_name(std::string_view name);

}  // namespace strandline
