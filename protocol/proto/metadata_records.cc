#include "protocol/proto/metadata_records.h"

#include <algorithm>
#include <cstring>

#include "metadata.pb.h"
#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"
#include "protocol/base/hash.h"

namespace strandline {
namespace {

constexpr char kRecordVersion = 1;
constexpr std::size_t kRecordBytesMax = 16UL * 1024 * 1024;  // far beyond what one record can need
constexpr std::size_t kPrefixBytes = 1 + sizeof(std::uint64_t);

// --- plain to Protobuf ---

std::string pb_bytes(const Uuid& id) {
  return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

void fill(pb::MetadataRecord& out, const TopicRecord& record) {
  out.mutable_topic()->set_topic_id(pb_bytes(record.topic_id));
  out.mutable_topic()->set_name(record.name);
}

void fill(pb::MetadataRecord& out, const PartitionRecord& record) {
  auto& partition = *out.mutable_partition();
  partition.set_topic_id(pb_bytes(record.topic_id));
  partition.set_partition(record.partition.value());
  for (const auto broker : record.replicas) partition.add_replicas(broker.value());
  for (const auto broker : record.isr) partition.add_isr(broker.value());
  partition.set_leader_plus_one(record.leader.value() + 1);
  partition.set_leader_epoch(record.leader_epoch.value());
  partition.set_partition_epoch(record.partition_epoch);
  for (const auto broker : record.elr) partition.add_elr(broker.value());
  for (const auto broker : record.adding) partition.add_adding(broker.value());
  for (const auto broker : record.removing) partition.add_removing(broker.value());
  for (const auto& replica : record.cut) {
    auto& cut = *partition.add_cut();
    cut.set_broker(replica.broker.value());
    cut.set_unopened(!replica.end);
    if (!replica.end) continue;
    cut.set_last_epoch_plus_one(replica.end->epoch.value() + 1);
    cut.set_end_offset(replica.end->offset.value());
  }
}

void fill(pb::MetadataRecord& out, const RemoveTopicRecord& record) {
  out.mutable_remove_topic()->set_topic_id(pb_bytes(record.topic_id));
}

void fill(pb::MetadataRecord& out, const ConfigRecord& record) {
  auto& config = *out.mutable_config();
  config.set_resource_type(static_cast<std::int32_t>(record.resource));
  config.set_resource_name(record.resource_name);
  config.set_name(record.name);
  if (record.value) config.set_value(*record.value);
}

void fill(pb::MetadataRecord& out, const ProducerIdsRecord& record) {
  out.mutable_producer_ids()->set_broker(record.broker.value());
  out.mutable_producer_ids()->set_next_producer_id(record.next.value());
}

void fill(pb::MetadataRecord& out, const BrokerRegistrationRecord& record) {
  auto& broker = *out.mutable_broker_registration();
  broker.set_broker(record.broker.value());
  broker.set_incarnation(pb_bytes(record.incarnation));
  broker.set_broker_epoch(record.broker_epoch);
  if (record.advertised) {
    broker.set_advertised_host(record.advertised->host);
    broker.set_advertised_port(record.advertised->port);
  }
  if (record.rack) broker.set_rack(*record.rack);
  broker.set_fenced(record.fenced);
  broker.set_stopping(record.stopping);
  if (!record.directory.is_zero()) broker.set_directory(pb_bytes(record.directory));
  if (record.rpc) {
    broker.set_rpc_host(record.rpc->host);
    broker.set_rpc_port(record.rpc->port);
  }
  broker.set_shards(record.shards);
  broker.set_metadata_version_max(record.metadata_version_max);
}

void fill(pb::MetadataRecord& out, const FeatureLevelRecord& record) {
  out.mutable_feature_level()->set_name(record.name);
  out.mutable_feature_level()->set_level(record.level);
}

void fill(pb::MetadataRecord& out, const VotersRecord& record) {
  auto& voters = *out.mutable_voters();
  for (const QuorumVoter& voter : record.voters) {
    auto& one = *voters.add_voters();
    one.set_broker(voter.broker.value());
    one.set_directory(pb_bytes(voter.directory));
    if (!voter.rpc) continue;
    one.set_rpc_host(voter.rpc->host);
    one.set_rpc_port(voter.rpc->port);
  }
  voters.set_wanted(record.wanted);
}

void fill(pb::MetadataRecord& out, const LeaderRecord& record) {
  out.mutable_leader()->set_broker(record.broker.value());
  out.mutable_leader()->set_epoch(record.epoch.value());
}

// --- Protobuf to plain: nothing is taken on trust ---

Result<Uuid> read_id(const std::string& bytes) {
  Uuid id;
  if (bytes.size() != id.bytes.size()) return Errc::corrupt_file;
  std::memcpy(id.bytes.data(), bytes.data(), bytes.size());
  if (id.is_zero()) return Errc::corrupt_file;
  return id;
}

Result<MetadataRecord> read(const pb::TopicRecord& in) {
  STRANDLINE_TRY(const auto id, read_id(in.topic_id()));
  if (in.name().empty()) return Errc::corrupt_file;
  return MetadataRecord{TopicRecord{id, in.name()}};
}

// Broker ids, each once, and of a larger list where there is one.
Result<std::vector<BrokerId>> read_brokers(const google::protobuf::RepeatedField<std::int32_t>& in,
                                           const std::vector<BrokerId>* within = nullptr) {
  std::vector<BrokerId> brokers;
  for (const auto value : in) {
    const BrokerId id{value};
    if (value < 0 || std::ranges::find(brokers, id) != brokers.end()) return Errc::corrupt_file;
    if (within != nullptr && std::ranges::find(*within, id) == within->end()) {
      return Errc::corrupt_file;
    }
    brokers.push_back(id);
  }
  return brokers;
}

Result<MetadataRecord> read(const pb::PartitionRecord& in) {
  PartitionRecord record;
  STRANDLINE_TRY(record.topic_id, read_id(in.topic_id()));
  record.partition = PartitionIndex{in.partition()};
  if (in.partition() < 0 || in.leader_plus_one() < 0 || in.leader_epoch() < 0 ||
      in.partition_epoch() < 0 || in.replicas().empty()) {
    return Errc::corrupt_file;
  }
  STRANDLINE_TRY(record.replicas, read_brokers(in.replicas()));
  STRANDLINE_TRY(record.isr, read_brokers(in.isr(), &record.replicas));
  STRANDLINE_TRY(record.elr, read_brokers(in.elr(), &record.replicas));
  STRANDLINE_TRY(record.adding, read_brokers(in.adding(), &record.replicas));
  STRANDLINE_TRY(record.removing, read_brokers(in.removing(), &record.replicas));
  for (const auto& cut : in.cut()) {
    const BrokerId broker{cut.broker()};
    if (std::ranges::find(record.replicas, broker) == record.replicas.end() ||
        cut.last_epoch_plus_one() < 0 || cut.end_offset() < 0) {
      return Errc::corrupt_file;
    }
    const ReplicaLogEnd end{LeaderEpoch{cut.last_epoch_plus_one() - 1}, Offset{cut.end_offset()}};
    if (cut.unopened() && end != ReplicaLogEnd{}) return Errc::corrupt_file;
    record.cut.push_back({broker, cut.unopened() ? std::nullopt : std::optional{end}});
  }
  record.leader = BrokerId{in.leader_plus_one() - 1};
  record.leader_epoch = LeaderEpoch{in.leader_epoch()};
  record.partition_epoch = in.partition_epoch();
  return MetadataRecord{std::move(record)};
}

Result<MetadataRecord> read(const pb::RemoveTopicRecord& in) {
  STRANDLINE_TRY(const auto id, read_id(in.topic_id()));
  return MetadataRecord{RemoveTopicRecord{id}};
}

Result<MetadataRecord> read(const pb::ConfigRecord& in) {
  ConfigRecord record;
  switch (in.resource_type()) {
    case static_cast<std::int32_t>(ConfigResource::topic):
      record.resource = ConfigResource::topic;
      break;
    case static_cast<std::int32_t>(ConfigResource::broker):
      record.resource = ConfigResource::broker;
      break;
    default: return Errc::corrupt_file;
  }
  if (in.name().empty()) return Errc::corrupt_file;
  record.resource_name = in.resource_name();
  record.name = in.name();
  if (in.has_value()) record.value = in.value();
  return MetadataRecord{std::move(record)};
}

Result<MetadataRecord> read(const pb::ProducerIdsRecord& in) {
  if (in.broker() < 0 || in.next_producer_id() < 0) return Errc::corrupt_file;
  return MetadataRecord{
      ProducerIdsRecord{BrokerId{in.broker()}, ProducerId{in.next_producer_id()}}};
}

Result<MetadataRecord> read(const pb::BrokerRegistrationRecord& in) {
  BrokerRegistrationRecord record;
  STRANDLINE_TRY(record.incarnation, read_id(in.incarnation()));
  if (in.broker() < 0 || in.broker_epoch() < 0 || in.advertised_port() > 65535 ||
      in.rpc_port() > 65535 || in.shards() < 0 || in.metadata_version_max() < 0) {
    return Errc::corrupt_file;
  }
  record.shards = in.shards();
  record.metadata_version_max = in.metadata_version_max();
  record.broker = BrokerId{in.broker()};
  record.broker_epoch = in.broker_epoch();
  if (in.has_advertised_host()) {
    record.advertised =
        HostPort{in.advertised_host(), static_cast<std::uint16_t>(in.advertised_port())};
  }
  if (in.has_rack()) record.rack = in.rack();
  record.fenced = in.fenced();
  record.stopping = in.stopping();
  if (in.has_directory()) {
    STRANDLINE_TRY(record.directory, read_id(in.directory()));
  }
  if (in.has_rpc_host()) {
    record.rpc = HostPort{in.rpc_host(), static_cast<std::uint16_t>(in.rpc_port())};
  }
  return MetadataRecord{std::move(record)};
}

Result<MetadataRecord> read(const pb::FeatureLevelRecord& in) {
  if (in.name().empty() || in.level() < 0) return Errc::corrupt_file;
  return MetadataRecord{FeatureLevelRecord{in.name(), in.level()}};
}

Result<MetadataRecord> read(const pb::VotersRecord& in) {
  VotersRecord record;
  if (in.voters().empty() || in.wanted() < 0) return Errc::corrupt_file;
  for (const auto& one : in.voters()) {
    QuorumVoter voter{.broker = BrokerId{one.broker()}, .directory = {}, .rpc = {}};
    STRANDLINE_TRY(voter.directory, read_id(one.directory()));
    const bool is_known =
        std::ranges::find(record.voters, voter.broker, &QuorumVoter::broker) != record.voters.end();
    if (one.broker() < 0 || one.rpc_port() > 65535 || is_known) return Errc::corrupt_file;
    if (one.has_rpc_host()) {
      voter.rpc = HostPort{one.rpc_host(), static_cast<std::uint16_t>(one.rpc_port())};
    }
    record.voters.push_back(std::move(voter));
  }
  record.wanted = in.wanted();
  return MetadataRecord{std::move(record)};
}

Result<MetadataRecord> read(const pb::LeaderRecord& in) {
  if (in.broker() < 0 || in.epoch() < 0) return Errc::corrupt_file;
  return MetadataRecord{LeaderRecord{BrokerId{in.broker()}, LeaderEpoch{in.epoch()}}};
}

// --- for people ---

std::string list_of(const std::vector<BrokerId>& brokers) {
  std::string out;
  for (const auto broker : brokers) {
    out += (out.empty() ? "" : ",") + std::to_string(broker.value());
  }
  return "[" + out + "]";
}

struct Describe {
  std::string operator()(const TopicRecord& r) const {
    return "topic id=" + to_text(r.topic_id) + " name=" + r.name;
  }
  std::string operator()(const PartitionRecord& r) const {
    return "partition topic=" + to_text(r.topic_id) +
           " partition=" + std::to_string(r.partition.value()) +
           " replicas=" + list_of(r.replicas) + " isr=" + list_of(r.isr) +
           " leader=" + std::to_string(r.leader.value()) +
           " leader_epoch=" + std::to_string(r.leader_epoch.value()) +
           " partition_epoch=" + std::to_string(r.partition_epoch) +
           (r.elr.empty() ? "" : " elr=" + list_of(r.elr)) +
           (r.adding.empty() ? "" : " adding=" + list_of(r.adding)) +
           (r.removing.empty() ? "" : " removing=" + list_of(r.removing)) +
           (r.cut.empty() ? "" : " cut=" + std::to_string(r.cut.size()));
  }
  std::string operator()(const RemoveTopicRecord& r) const {
    return "remove_topic id=" + to_text(r.topic_id);
  }
  std::string operator()(const ConfigRecord& r) const {
    return std::string{"config "} + (r.resource == ConfigResource::topic ? "topic=" : "broker=") +
           r.resource_name + " " + r.name + (r.value ? "=" + *r.value : " removed");
  }
  std::string operator()(const ProducerIdsRecord& r) const {
    return "producer_ids broker=" + std::to_string(r.broker.value()) +
           " next=" + std::to_string(r.next.value());
  }
  std::string operator()(const BrokerRegistrationRecord& r) const {
    return "broker id=" + std::to_string(r.broker.value()) +
           " incarnation=" + to_text(r.incarnation) + " epoch=" + std::to_string(r.broker_epoch) +
           (r.advertised ? " advertised=" + to_text(*r.advertised) : "") +
           (r.rack ? " rack=" + *r.rack : "") + (r.rpc ? " rpc=" + to_text(*r.rpc) : "") +
           (r.directory.is_zero() ? "" : " directory=" + to_text(r.directory)) +
           (r.shards > 0 ? " shards=" + std::to_string(r.shards) : "") +
           (r.metadata_version_max > 0
                ? " metadata_version_max=" + std::to_string(r.metadata_version_max)
                : "") +
           (r.fenced ? " fenced" : "") + (r.stopping ? " stopping" : "");
  }
  std::string operator()(const FeatureLevelRecord& r) const {
    return "feature " + r.name + "=" + std::to_string(r.level);
  }
  std::string operator()(const VotersRecord& r) const {
    std::string out = "voters wanted=" + std::to_string(r.wanted);
    for (const QuorumVoter& voter : r.voters) {
      out += " " + std::to_string(voter.broker.value()) + ":" + to_text(voter.directory) +
             (voter.rpc ? "@" + to_text(*voter.rpc) : "");
    }
    return out;
  }
  std::string operator()(const LeaderRecord& r) const {
    return "leader broker=" + std::to_string(r.broker.value()) +
           " epoch=" + std::to_string(r.epoch.value());
  }
};

}  // namespace

std::string encode_metadata_record(const MetadataRecord& record) {
  pb::MetadataRecord message;
  std::visit([&](const auto& kind) { fill(message, kind); }, record);
  std::string out(kPrefixBytes, kRecordVersion);
  const bool encoded = message.AppendToString(&out);
  STRANDLINE_ASSERT(encoded);
  auto* const at = reinterpret_cast<std::byte*>(out.data());
  store_be<std::uint64_t>(at + 1, xxh3(as_bytes(out).subspan(kPrefixBytes)));
  return out;
}

Result<MetadataRecord> decode_metadata_record(ByteView bytes) {
  if (bytes.empty()) return Errc::corrupt_file;
  if (bytes[0] != std::byte{kRecordVersion}) return Errc::unsupported_format;
  if (bytes.size() < kPrefixBytes || bytes.size() > kRecordBytesMax) return Errc::corrupt_file;
  const auto body = bytes.subspan(kPrefixBytes);
  if (load_be<std::uint64_t>(bytes.data() + 1) != xxh3(body)) return Errc::corrupt_file;
  pb::MetadataRecord message;
  if (!message.ParseFromArray(body.data(), static_cast<int>(body.size())))
    return Errc::corrupt_file;
  switch (message.kind_case()) {
    case pb::MetadataRecord::kTopic: return read(message.topic());
    case pb::MetadataRecord::kPartition: return read(message.partition());
    case pb::MetadataRecord::kRemoveTopic: return read(message.remove_topic());
    case pb::MetadataRecord::kConfig: return read(message.config());
    case pb::MetadataRecord::kProducerIds: return read(message.producer_ids());
    case pb::MetadataRecord::kBrokerRegistration: return read(message.broker_registration());
    case pb::MetadataRecord::kFeatureLevel: return read(message.feature_level());
    case pb::MetadataRecord::kVoters: return read(message.voters());
    case pb::MetadataRecord::kLeader: return read(message.leader());
    case pb::MetadataRecord::KIND_NOT_SET: break;
  }
  return Errc::unsupported_format;
}

std::string describe(const MetadataRecord& record) { return std::visit(Describe{}, record); }

}  // namespace strandline
