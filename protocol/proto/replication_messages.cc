#include "protocol/proto/replication_messages.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "replication.pb.h"

namespace strandline {
namespace {

template <class Message>
bool parse(Message& message, ByteView bytes) {
  return bytes.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()) &&
         message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

// --- what every entry has

void put_name(const StreamName& from, pb::StreamName* to) {
  to->set_leader_epoch(from.leader_epoch.value());
  to->set_replica(from.replica.value());
  to->set_incarnation_plus_one(from.incarnation.value() + 1);
  to->set_stream(from.stream.value());
}

Result<StreamName> take_name(const pb::StreamName& from) {
  if (from.leader_epoch() < 0 || from.replica() < 0 || from.incarnation_plus_one() < 0 ||
      from.stream() <= 0) {
    return Errc::malformed_frame;
  }
  return StreamName{.leader_epoch = LeaderEpoch{from.leader_epoch()},
                    .replica = ReplicaId{from.replica()},
                    .incarnation = Incarnation{from.incarnation_plus_one() - 1},
                    .stream = StreamId{from.stream()}};
}

template <class Entry>
void put_place(const PartitionKey& from, Entry* to) {
  to->set_topic_id(reinterpret_cast<const char*>(from.topic_id.bytes.data()),
                   from.topic_id.bytes.size());
  to->set_partition(from.partition.value());
}

template <class Entry>
Result<PartitionKey> take_place(const Entry& from) {
  PartitionKey place{.topic_id = {}, .partition = PartitionIndex{from.partition()}};
  if (from.topic_id().size() != place.topic_id.bytes.size() || from.partition() < 0) {
    return Errc::malformed_frame;
  }
  std::copy_n(reinterpret_cast<const std::byte*>(from.topic_id().data()),
              place.topic_id.bytes.size(), place.topic_id.bytes.begin());
  return place;
}

bool are_offsets(std::initializer_list<std::int64_t> numbers) {
  return std::ranges::all_of(numbers, [](std::int64_t number) { return number >= 0; });
}

// --- what followers say

void put(const OpenStream& from, pb::FollowerEntry* entry) {
  pb::OpenStream* to = entry->mutable_open();
  to->set_round(from.round);
  for (const EpochStart& start : from.history.starts) {
    pb::StreamEpoch* added = to->add_epochs();
    added->set_leader_epoch(start.leader_epoch.value());
    added->set_start_offset(start.start_offset.value());
  }
  to->set_epochs_end(from.history.end.value());
  to->set_has_older(from.history.has_older);
  to->set_log_start_offset(from.log_start_offset.value());
  to->set_log_end_offset(from.log_end_offset.value());
  to->set_credit_limit(from.credit_limit);
  to->set_needs_catch_up(from.needs_catch_up);
}

void put(const StreamAck& from, pb::FollowerEntry* entry) {
  pb::StreamAck* to = entry->mutable_ack();
  to->set_appended(from.appended.value());
  to->set_flushed(from.flushed.value());
  to->set_high_watermark(from.high_watermark.value());
  to->set_log_start_offset(from.log_start_offset.value());
  to->set_credit_limit(from.credit_limit);
  to->set_stalled(from.stalled);
}

Result<FollowerMessage> take(const StreamName& name, const pb::OpenStream& from) {
  const bool is_sound =
      from.round() >= 0 && std::cmp_less_equal(from.epochs_size(), kEpochsPerPieceMax) &&
      are_offsets({from.epochs_end(), from.log_start_offset(), from.log_end_offset()});
  if (!is_sound) return Errc::malformed_frame;
  OpenStream to{
      .name = name,
      .round = from.round(),
      .history = {.starts = {}, .end = Offset{from.epochs_end()}, .has_older = from.has_older()},
      .log_start_offset = Offset{from.log_start_offset()},
      .log_end_offset = Offset{from.log_end_offset()},
      .credit_limit = from.credit_limit(),
      .needs_catch_up = from.needs_catch_up()};
  for (const pb::StreamEpoch& start : from.epochs()) {
    if (start.leader_epoch() < 0 || start.start_offset() < 0) return Errc::malformed_frame;
    to.history.starts.push_back({LeaderEpoch{start.leader_epoch()}, Offset{start.start_offset()}});
  }
  return FollowerMessage{std::move(to)};
}

Result<FollowerMessage> take(const StreamName& name, const pb::StreamAck& from) {
  if (!are_offsets(
          {from.appended(), from.flushed(), from.high_watermark(), from.log_start_offset()})) {
    return Errc::malformed_frame;
  }
  return FollowerMessage{StreamAck{.name = name,
                                   .appended = Offset{from.appended()},
                                   .flushed = Offset{from.flushed()},
                                   .high_watermark = Offset{from.high_watermark()},
                                   .log_start_offset = Offset{from.log_start_offset()},
                                   .credit_limit = from.credit_limit(),
                                   .stalled = from.stalled()}};
}

Result<FollowerMessage> take_message(const StreamName& name, const pb::FollowerEntry& entry) {
  switch (entry.message_case()) {
    case pb::FollowerEntry::kOpen: return take(name, entry.open());
    case pb::FollowerEntry::kAck: return take(name, entry.ack());
    case pb::FollowerEntry::MESSAGE_NOT_SET: break;
  }
  return Errc::malformed_frame;
}

// --- what leaders say

void put(const OlderEpochsWanted& from, pb::LeaderEntry* entry) {
  pb::OlderEpochsWanted* to = entry->mutable_older_epochs();
  to->set_round(from.round);
  to->set_at_most(from.at_most.value());
}

void put(const StreamOpened& from, pb::LeaderEntry* entry) {
  pb::StreamOpened* to = entry->mutable_opened();
  to->set_offset(from.offset.value());
  to->set_restart(from.restart);
}

void put(const StreamBatches& from, pb::LeaderEntry* entry) {
  pb::StreamBatches* to = entry->mutable_batches();
  for (const BatchClaim& claim : from.batches) {
    pb::BatchClaim* added = to->add_batches();
    added->set_base_offset(claim.base_offset.value());
    added->set_leader_epoch(claim.leader_epoch.value());
    added->set_record_count(claim.record_count);
    added->set_append_time_plus_one(claim.append_time.value() + 1);
    added->set_begins_segment(claim.begins_segment);
  }
  to->set_high_watermark(from.high_watermark.value());
  to->set_log_start_offset(from.log_start_offset.value());
}

void put(const StreamPosition& from, pb::LeaderEntry* entry) {
  pb::StreamPosition* to = entry->mutable_position();
  to->set_sent_end(from.sent_end.value());
  to->set_high_watermark(from.high_watermark.value());
  to->set_log_start_offset(from.log_start_offset.value());
  to->set_confirm(from.confirm);
}

void put(const StreamEnd& from, pb::LeaderEntry* entry) {
  entry->mutable_end()->set_reason(static_cast<std::int32_t>(from.reason));
}

Result<LeaderMessage> take(const StreamName& name, const pb::OlderEpochsWanted& from) {
  if (from.round() < 0 || from.at_most() < 0) return Errc::malformed_frame;
  return LeaderMessage{OlderEpochsWanted{
      .name = name, .round = from.round(), .at_most = LeaderEpoch{from.at_most()}}};
}

Result<LeaderMessage> take(const StreamName& name, const pb::StreamOpened& from) {
  if (from.offset() < 0) return Errc::malformed_frame;
  return LeaderMessage{
      StreamOpened{.name = name, .offset = Offset{from.offset()}, .restart = from.restart()}};
}

Result<LeaderMessage> take(const StreamName& name, const pb::StreamBatches& from) {
  if (from.batches().empty() || !are_offsets({from.high_watermark(), from.log_start_offset()})) {
    return Errc::malformed_frame;
  }
  StreamBatches to{.name = name,
                   .batches = {},
                   .high_watermark = Offset{from.high_watermark()},
                   .log_start_offset = Offset{from.log_start_offset()}};
  to.batches.reserve(static_cast<std::size_t>(from.batches_size()));
  for (const pb::BatchClaim& claim : from.batches()) {
    const bool is_sound =
        claim.base_offset() >= 0 && claim.leader_epoch() >= 0 && claim.record_count() > 0 &&
        claim.append_time_plus_one() >= 0 &&
        claim.base_offset() <= std::numeric_limits<std::int64_t>::max() - claim.record_count();
    if (!is_sound) return Errc::malformed_frame;
    to.batches.push_back({.base_offset = Offset{claim.base_offset()},
                          .leader_epoch = LeaderEpoch{claim.leader_epoch()},
                          .record_count = claim.record_count(),
                          .append_time = Timestamp{claim.append_time_plus_one() - 1},
                          .begins_segment = claim.begins_segment()});
  }
  return LeaderMessage{std::move(to)};
}

Result<LeaderMessage> take(const StreamName& name, const pb::StreamPosition& from) {
  if (!are_offsets({from.sent_end(), from.high_watermark(), from.log_start_offset()})) {
    return Errc::malformed_frame;
  }
  return LeaderMessage{StreamPosition{.name = name,
                                      .sent_end = Offset{from.sent_end()},
                                      .high_watermark = Offset{from.high_watermark()},
                                      .log_start_offset = Offset{from.log_start_offset()},
                                      .confirm = from.confirm()}};
}

Result<LeaderMessage> take(const StreamName& name, const pb::StreamEnd& from) {
  StreamEnd to{.name = name, .reason = Errc::unknown_server_error};
  const auto reason = static_cast<Errc>(from.reason());
  if (reason == Errc::ok || errc_name(reason) != "unknown") to.reason = reason;
  return LeaderMessage{to};
}

Result<LeaderMessage> take_message(const StreamName& name, const pb::LeaderEntry& entry) {
  switch (entry.message_case()) {
    case pb::LeaderEntry::kOlderEpochs: return take(name, entry.older_epochs());
    case pb::LeaderEntry::kOpened: return take(name, entry.opened());
    case pb::LeaderEntry::kBatches: return take(name, entry.batches());
    case pb::LeaderEntry::kPosition: return take(name, entry.position());
    case pb::LeaderEntry::kEnd: return take(name, entry.end());
    case pb::LeaderEntry::MESSAGE_NOT_SET: break;
  }
  return Errc::malformed_frame;
}

// --- both

template <class Entries, class Message>
std::string encode(std::span<const Placed<Message>> from) {
  Entries entries;
  for (const Placed<Message>& placed : from) {
    auto* entry = entries.add_entries();
    put_place(placed.place, entry);
    std::visit(
        [&](const auto& message) {
          put_name(message.name, entry->mutable_name());
          put(message, entry);
        },
        placed.message);
  }
  return entries.SerializeAsString();
}

template <class Entries, class Message>
Result<std::vector<Placed<Message>>> decode(ByteView bytes) {
  Entries entries;
  if (!parse(entries, bytes)) return Errc::malformed_frame;
  std::vector<Placed<Message>> to;
  to.reserve(static_cast<std::size_t>(entries.entries_size()));
  for (const auto& entry : entries.entries()) {
    STRANDLINE_TRY(const PartitionKey place, take_place(entry));
    STRANDLINE_TRY(const StreamName name, take_name(entry.name()));
    STRANDLINE_TRY(Message message, take_message(name, entry));
    to.push_back({place, std::move(message)});
  }
  return to;
}

}  // namespace

std::string encode_follower_entries(std::span<const Placed<FollowerMessage>> entries) {
  return encode<pb::FollowerEntries>(entries);
}

Result<std::vector<Placed<FollowerMessage>>> decode_follower_entries(ByteView bytes) {
  return decode<pb::FollowerEntries, FollowerMessage>(bytes);
}

std::string encode_leader_entries(std::span<const Placed<LeaderMessage>> entries) {
  return encode<pb::LeaderEntries>(entries);
}

Result<std::vector<Placed<LeaderMessage>>> decode_leader_entries(ByteView bytes) {
  return decode<pb::LeaderEntries, LeaderMessage>(bytes);
}

std::string encode_range_digest(const RangeDigest& digest) {
  pb::RangeDigest to;
  put_place(digest.place, &to);
  to.set_leader_epoch(digest.leader_epoch.value());
  to.set_start_offset(digest.start.value());
  to.set_end_offset(digest.end.value());
  to.set_bytes(digest.bytes);
  to.set_xxh3(digest.xxh3);
  return to.SerializeAsString();
}

Result<RangeDigest> decode_range_digest(ByteView bytes) {
  pb::RangeDigest from;
  if (!parse(from, bytes)) return Errc::malformed_frame;
  STRANDLINE_TRY(const PartitionKey place, take_place(from));
  const bool is_range = from.start_offset() >= 0 && from.start_offset() < from.end_offset();
  if (from.leader_epoch() < 0 || !is_range || from.bytes() == 0) return Errc::malformed_frame;
  return RangeDigest{.place = place,
                     .leader_epoch = LeaderEpoch{from.leader_epoch()},
                     .start = Offset{from.start_offset()},
                     .end = Offset{from.end_offset()},
                     .bytes = from.bytes(),
                     .xxh3 = from.xxh3()};
}

}  // namespace strandline
