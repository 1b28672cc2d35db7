#include "protocol/proto/storage_records.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "protocol/base/errc.h"
#include "storage.pb.h"

namespace strandline {
namespace {

constexpr std::size_t kBatchesMax = 5;

void put_uuid(const Uuid& id, std::string* to) {
  to->assign(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
}

std::optional<Uuid> take_uuid(const std::string& from) {
  Uuid id;
  if (from.size() != id.bytes.size()) return std::nullopt;
  std::copy_n(reinterpret_cast<const std::byte*>(from.data()), from.size(), id.bytes.begin());
  return id;
}

void put_producer(const ProducerEntry& from, pb::ProducerEntry* to) {
  to->set_producer_id(from.producer_id.value());
  to->set_epoch(from.epoch.value());
  to->set_coordinator_epoch_plus_one(from.coordinator_epoch + 1);
  to->set_last_append_time_plus_one(from.last_append_time.value() + 1);
  to->set_transaction_first_offset_plus_one(from.transaction_first_offset.value() + 1);
  to->set_restarts_at_zero(from.restarts_at_zero);
  for (const ProducerBatch& batch : from.batches) {
    pb::ProducerBatch* added = to->add_batches();
    added->set_first_sequence(batch.first_sequence.value());
    added->set_last_sequence(batch.last_sequence.value());
    added->set_base_offset(batch.base_offset.value());
    added->set_last_offset_delta(static_cast<std::int32_t>(batch.last_offset - batch.base_offset));
    added->set_append_time_plus_one(batch.append_time.value() + 1);
  }
}

bool is_valid(const pb::ProducerBatch& batch) {
  return batch.first_sequence() >= 0 && batch.last_sequence() >= 0 && batch.base_offset() >= 0 &&
         batch.last_offset_delta() >= 0 && batch.append_time_plus_one() >= 0;
}

bool is_valid(const pb::ProducerEntry& entry) {
  return entry.producer_id() >= 0 && entry.epoch() >= 0 &&
         entry.epoch() <= std::numeric_limits<std::int16_t>::max() &&
         entry.coordinator_epoch_plus_one() >= 0 && entry.last_append_time_plus_one() >= 0 &&
         entry.transaction_first_offset_plus_one() >= 0 &&
         static_cast<std::size_t>(entry.batches_size()) <= kBatchesMax &&
         std::all_of(entry.batches().begin(), entry.batches().end(),
                     [](const pb::ProducerBatch& batch) { return is_valid(batch); });
}

ProducerEntry take_producer(const pb::ProducerEntry& from) {
  ProducerEntry to{
      .producer_id = ProducerId{from.producer_id()},
      .epoch = ProducerEpoch{static_cast<std::int16_t>(from.epoch())},
      .coordinator_epoch = from.coordinator_epoch_plus_one() - 1,
      .last_append_time = Timestamp{from.last_append_time_plus_one() - 1},
      .transaction_first_offset = Offset{from.transaction_first_offset_plus_one() - 1},
      .restarts_at_zero = from.restarts_at_zero(),
  };
  for (const pb::ProducerBatch& batch : from.batches()) {
    to.batches.push_back({.first_sequence = Sequence{batch.first_sequence()},
                          .last_sequence = Sequence{batch.last_sequence()},
                          .base_offset = Offset{batch.base_offset()},
                          .last_offset = Offset{batch.base_offset()} + batch.last_offset_delta(),
                          .append_time = Timestamp{batch.append_time_plus_one() - 1}});
  }
  return to;
}

void put_checkpoint_entry(const CheckpointEntry& from, pb::CheckpointEntry* to) {
  put_uuid(from.key.topic_id, to->mutable_topic_id());
  to->set_partition(from.key.partition.value());
  to->set_removed(from.removed);
  if (from.removed) return;
  to->set_flushed_end(from.state.flushed_end.value());
  to->set_log_start(from.state.log_start.value());
  to->set_high_watermark(from.state.high_watermark.value());
  to->set_producer_state_offset(from.state.producer_state_offset.value());
  for (const EpochStart& epoch : from.state.epochs) {
    pb::EpochStart* added = to->add_epochs();
    added->set_leader_epoch(epoch.leader_epoch.value());
    added->set_start_offset(epoch.start_offset.value());
  }
}

std::optional<CheckpointEntry> take_checkpoint_entry(const pb::CheckpointEntry& from) {
  const auto topic_id = take_uuid(from.topic_id());
  if (!topic_id.has_value() || from.partition() < 0 || from.flushed_end() < 0 ||
      from.log_start() < 0 || from.high_watermark() < 0 || from.producer_state_offset() < 0) {
    return std::nullopt;
  }
  CheckpointEntry to{.key = {*topic_id, PartitionIndex{from.partition()}},
                     .removed = from.removed()};
  if (to.removed) return to;  // no writer gives it a state
  to.state.flushed_end = Offset{from.flushed_end()};
  to.state.log_start = Offset{from.log_start()};
  to.state.high_watermark = Offset{from.high_watermark()};
  to.state.producer_state_offset = Offset{from.producer_state_offset()};
  for (const pb::EpochStart& epoch : from.epochs()) {
    const EpochStart start{LeaderEpoch{epoch.leader_epoch()}, Offset{epoch.start_offset()}};
    const bool ascends =
        to.state.epochs.empty() || (to.state.epochs.back().leader_epoch < start.leader_epoch &&
                                    to.state.epochs.back().start_offset <= start.start_offset);
    if (!ascends) return std::nullopt;
    to.state.epochs.push_back(start);
  }
  return to;
}

template <class Message>
bool parse(Message& message, ByteView bytes) {
  return bytes.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()) &&
         message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace

std::string encode_producer_snapshot(const ProducerSnapshot& snapshot) {
  pb::ProducerSnapshot message;
  message.set_next_offset(snapshot.next_offset.value());
  for (const ProducerEntry& entry : snapshot.producers)
    put_producer(entry, message.add_producers());
  return message.SerializeAsString();
}

Result<ProducerSnapshot> decode_producer_snapshot(ByteView bytes) {
  pb::ProducerSnapshot message;
  if (!parse(message, bytes) || message.next_offset() < 0) return Errc::corrupt_file;
  ProducerSnapshot snapshot{.next_offset = Offset{message.next_offset()}};
  snapshot.producers.reserve(static_cast<std::size_t>(message.producers_size()));
  for (const pb::ProducerEntry& entry : message.producers()) {
    if (!is_valid(entry)) return Errc::corrupt_file;
    snapshot.producers.push_back(take_producer(entry));
  }
  return snapshot;
}

std::string encode_checkpoint_entries(const std::vector<CheckpointEntry>& entries) {
  pb::CheckpointFrame message;
  for (const CheckpointEntry& entry : entries) put_checkpoint_entry(entry, message.add_entries());
  return message.SerializeAsString();
}

Result<std::vector<CheckpointEntry>> decode_checkpoint_entries(ByteView bytes) {
  pb::CheckpointFrame message;
  if (!parse(message, bytes)) return Errc::corrupt_file;
  std::vector<CheckpointEntry> entries;
  entries.reserve(static_cast<std::size_t>(message.entries_size()));
  for (const pb::CheckpointEntry& from : message.entries()) {
    auto entry = take_checkpoint_entry(from);
    if (!entry.has_value()) return Errc::corrupt_file;
    entries.push_back(std::move(*entry));
  }
  return entries;
}

std::string encode_directory_identity(const DirectoryIdentity& identity) {
  pb::DirectoryIdentity message;
  message.set_format_version(identity.format_version);
  if (!identity.cluster_id.is_zero()) put_uuid(identity.cluster_id, message.mutable_cluster_id());
  message.set_joined(identity.joined);
  message.set_node_id(identity.node_id.value());
  put_uuid(identity.directory_id, message.mutable_directory_id());
  return message.SerializeAsString();
}

Result<DirectoryIdentity> decode_directory_identity(ByteView bytes) {
  pb::DirectoryIdentity message;
  if (!parse(message, bytes) || message.format_version() == 0) return Errc::corrupt_file;
  const bool has_cluster = !message.joined() || !message.cluster_id().empty();
  const auto cluster_id =
      has_cluster ? take_uuid(message.cluster_id()) : std::optional<Uuid>{Uuid{}};
  const auto directory_id = take_uuid(message.directory_id());
  if (!cluster_id.has_value() || !directory_id.has_value()) return Errc::corrupt_file;
  return DirectoryIdentity{.format_version = message.format_version(),
                           .cluster_id = *cluster_id,
                           .node_id = BrokerId{message.node_id()},
                           .directory_id = *directory_id,
                           .joined = message.joined()};
}

}  // namespace strandline
