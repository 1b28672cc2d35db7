// The records of the metadata log as plain structs, and their bytes. All cluster metadata is a fold
// over these; field by field meaning: protocol/proto/metadata.proto. Format:
// docs/formats/metadata.md
//
// Thread   values and pure functions
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/host_port.h"
#include "protocol/base/ids.h"
#include "protocol/base/result.h"
#include "protocol/base/uuid.h"

namespace strandline {

// A topic comes to be; its PartitionRecords follow in the same decision.
struct TopicRecord {
  Uuid topic_id;
  std::string name;
  friend bool operator==(const TopicRecord&, const TopicRecord&) = default;
};

// How far a replica's log goes; the longer one by epoch first.
struct ReplicaLogEnd {
  LeaderEpoch epoch = kNoLeaderEpoch;  // of its last record
  Offset offset{0};
  friend auto operator<=>(const ReplicaLogEnd&, const ReplicaLogEnd&) = default;
};

// What was left of a log that its replica cut at a start.
struct CutReplica {
  BrokerId broker = kNoBroker;
  std::optional<ReplicaLogEnd> end;  // none: the log did not open
  friend bool operator==(const CutReplica&, const CutReplica&) = default;
};

// The whole state of one partition, new or changed.
struct PartitionRecord {
  Uuid topic_id;
  PartitionIndex partition;
  std::vector<BrokerId> replicas;  // in order of preference
  std::vector<BrokerId> isr;
  BrokerId leader = kNoBroker;
  LeaderEpoch leader_epoch;
  std::int32_t partition_epoch = 0;
  std::vector<BrokerId> elr;     // eligible leader replicas: out of sync, yet complete
  std::vector<BrokerId> adding;  // of a reassignment under way
  std::vector<BrokerId> removing;
  // While there is no leader: complete ones that may lack something, or whose log did not open.
  std::vector<CutReplica> cut;
  friend bool operator==(const PartitionRecord&, const PartitionRecord&) = default;
};

// A topic, its partitions and its configs are gone.
struct RemoveTopicRecord {
  Uuid topic_id;
  friend bool operator==(const RemoveTopicRecord&, const RemoveTopicRecord&) = default;
};

// The numbers are those of the Kafka protocol.
enum class ConfigResource : std::int8_t { topic = 2, broker = 4 };

// One config override is set, or removed.
struct ConfigRecord {
  ConfigResource resource = ConfigResource::topic;
  std::string resource_name;  // topic name; broker id in digits, "" for all brokers
  std::string name;
  std::optional<std::string> value;  // none: back to the default
  friend bool operator==(const ConfigRecord&, const ConfigRecord&) = default;
};

// Producer ids below `next` have been given to brokers and are never given again.
struct ProducerIdsRecord {
  BrokerId broker = kNoBroker;
  ProducerId next;
  friend bool operator==(const ProducerIdsRecord&, const ProducerIdsRecord&) = default;
};

// A broker has started. Partitions it led and leads on get a new leader epoch by this record alone.
struct BrokerRegistrationRecord {
  BrokerId broker = kNoBroker;
  Uuid incarnation;
  std::int64_t broker_epoch = 0;
  std::optional<HostPort> advertised;  // none: clients are told the address they came to
  std::optional<std::string> rack;
  bool fenced = false;
  bool stopping = false;                  // leads nothing any more, about to end
  Uuid directory;                         // zero: not known
  std::optional<HostPort> rpc;            // where other brokers reach it
  std::int32_t shards = 0;                // 0: not known
  std::int32_t metadata_version_max = 0;  // that the program can work at; 0: not known
  friend bool operator==(const BrokerRegistrationRecord&,
                         const BrokerRegistrationRecord&) = default;
};

// A feature is finalised at a level; "metadata.version" guards the log itself.
struct FeatureLevelRecord {
  std::string name;
  std::int32_t level = 0;
  friend bool operator==(const FeatureLevelRecord&, const FeatureLevelRecord&) = default;
};

// A broker with a vote on the metadata log, by one certain data directory.
struct QuorumVoter {
  BrokerId broker = kNoBroker;
  Uuid directory;
  std::optional<HostPort> rpc;  // none: a lone broker that serves no others
  friend bool operator==(const QuorumVoter&, const QuorumVoter&) = default;
};

// Who votes from here on.
struct VotersRecord {
  std::vector<QuorumVoter> voters;
  std::int32_t wanted = 0;  // how many there are to be; 0: as many as there are
  friend bool operator==(const VotersRecord&, const VotersRecord&) = default;
};

// A leader of the metadata log begins its term; changes nothing.
struct LeaderRecord {
  BrokerId broker = kNoBroker;
  LeaderEpoch epoch;
  friend bool operator==(const LeaderRecord&, const LeaderRecord&) = default;
};

using MetadataRecord =
    std::variant<TopicRecord, PartitionRecord, RemoveTopicRecord, ConfigRecord, ProducerIdsRecord,
                 BrokerRegistrationRecord, FeatureLevelRecord, VotersRecord, LeaderRecord>;

// The bytes of a record's value in the log: version byte 1, XXH3-64 of the message (big-endian),
// the Protobuf message.
std::string encode_metadata_record(const MetadataRecord& record);

// Errors   corrupt_file         checksum, message or a field in it is wrong
//          unsupported_format   written by a newer version: another version byte or a record kind
//                               this version does not know
Result<MetadataRecord> decode_metadata_record(ByteView bytes);

// One line for logs and dump tools: kind and fields.
std::string describe(const MetadataRecord& record);

}  // namespace strandline
