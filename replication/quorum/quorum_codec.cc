#include "replication/quorum/quorum_codec.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"
#include "protocol/record/batch.h"
#include "protocol/record/builder.h"
#include "protocol/record/compression.h"
#include "protocol/record/records.h"
#include "quorum.pb.h"

namespace strandline {
namespace {

constexpr std::size_t kBatchBytesMax = std::size_t{64} << 20;

// --- plain to Protobuf

void put(const Uuid& from, std::string* to) {
  to->assign(reinterpret_cast<const char*>(from.bytes.data()), from.bytes.size());
}

void put(const ReplicaKey& from, pb::ReplicaKey* to) {
  to->set_node(from.node.value());
  put(from.directory, to->mutable_directory());
}

void put(const LogEnd& from, pb::LogEnd* to) {
  to->set_epoch_plus_one(from.epoch.value() + 1);
  to->set_offset(from.offset.value());
}

class Writer {
 public:
  explicit Writer(QuorumFrame& frame, pb::QuorumMessage& out) : frame_(frame), out_(out) {}

  void operator()(const VoteRequest& from) {
    pb::QuorumVoteRequest& to = *out_.mutable_vote_request();
    to.set_epoch(from.epoch.value());
    put(from.candidate, to.mutable_candidate());
    put(from.voter, to.mutable_voter());
    put(from.log_end, to.mutable_log_end());
    put(from.voters, to.mutable_voters());
    to.set_pre_vote(from.pre_vote);
    to.set_by_transfer(from.by_transfer);
  }
  void operator()(const VoteResponse& from) {
    pb::QuorumVoteResponse& to = *out_.mutable_vote_response();
    to.set_epoch(from.epoch.value());
    to.set_asked(from.asked.value());
    put(from.voter, to.mutable_voter());
    to.set_pre_vote(from.pre_vote);
    to.set_granted(from.granted);
    to.set_uncertain(from.uncertain);
    put(from.voters_settled, to.mutable_voters_settled());
  }
  void operator()(const ReplicateRequest& from) {
    pb::QuorumReplicateRequest& to = *out_.mutable_replicate_request();
    to.set_epoch(from.epoch.value());
    put(from.leader, to.mutable_leader());
    to.set_round(from.round);
    to.set_incarnation(from.incarnation);
    put(from.previous, to.mutable_previous());
    to.set_committed(from.committed.value());
    for (const QuorumBatch& batch : from.batches) frame_.attachments.push_back(batch.bytes);
  }
  void operator()(const ReplicateResponse& from) {
    pb::QuorumReplicateResponse& to = *out_.mutable_replicate_response();
    to.set_epoch(from.epoch.value());
    put(from.replica, to.mutable_replica());
    to.set_incarnation(from.incarnation);
    to.set_round(from.round);
    to.set_diverged(from.diverged);
    put(from.log_end, to.mutable_log_end());
    to.set_flushed(from.flushed.value());
  }
  void operator()(const SnapshotChunk& from) {
    pb::QuorumSnapshotChunk& to = *out_.mutable_snapshot_chunk();
    to.set_epoch(from.epoch.value());
    put(from.leader, to.mutable_leader());
    to.set_round(from.round);
    put(from.end, to.mutable_end());
    to.set_position(from.position);
    to.set_size(from.size);
    frame_.attachments.push_back(std::make_shared<const std::vector<std::byte>>(from.bytes));
  }
  void operator()(const SnapshotResponse& from) {
    pb::QuorumSnapshotResponse& to = *out_.mutable_snapshot_response();
    to.set_epoch(from.epoch.value());
    put(from.replica, to.mutable_replica());
    to.set_incarnation(from.incarnation);
    to.set_round(from.round);
    put(from.end, to.mutable_end());
    to.set_position(from.position);
  }
  void operator()(const TransferRequest& from) {
    pb::QuorumTransferRequest& to = *out_.mutable_transfer_request();
    to.set_epoch(from.epoch.value());
    put(from.leader, to.mutable_leader());
  }
  void operator()(const FollowRequest& from) {
    pb::QuorumFollowRequest& to = *out_.mutable_follow_request();
    put(from.replica, to.mutable_replica());
    to.set_incarnation(from.incarnation);
  }
  void operator()(const FollowResponse& from) {
    pb::QuorumFollowResponse& to = *out_.mutable_follow_response();
    to.set_epoch(from.epoch.value());
    if (!from.leader) return;
    put(from.leader->key, to.mutable_leader());
    to.set_leader_host(from.leader->rpc.host);
    to.set_leader_port(from.leader->rpc.port);
  }

 private:
  QuorumFrame& frame_;
  pb::QuorumMessage& out_;
};

// --- Protobuf to plain: nothing is taken on trust

Result<Uuid> take_uuid(const std::string& from) {
  Uuid id;
  if (from.size() != id.bytes.size()) return Errc::malformed_frame;
  std::copy_n(reinterpret_cast<const std::byte*>(from.data()), from.size(), id.bytes.begin());
  if (id.is_zero()) return Errc::malformed_frame;
  return id;
}

Result<ReplicaKey> take(const pb::ReplicaKey& from) {
  if (from.node() < 0) return Errc::malformed_frame;
  ReplicaKey key{BrokerId{from.node()}, {}};
  STRANDLINE_TRY(key.directory, take_uuid(from.directory()));
  return key;
}

Result<LogEnd> take(const pb::LogEnd& from) {
  if (from.epoch_plus_one() < 0 || from.offset() < 0) return Errc::malformed_frame;
  return LogEnd{LeaderEpoch{from.epoch_plus_one() - 1}, Offset{from.offset()}};
}

Result<LeaderEpoch> take_epoch(std::int32_t from) {
  if (from < 0) return Errc::malformed_frame;
  return LeaderEpoch{from};
}

Result<Offset> take_offset(std::int64_t from) {
  if (from < 0) return Errc::malformed_frame;
  return Offset{from};
}

using Attachments = std::span<const ByteView>;
using Taken = Result<QuorumMessage>;

Taken take(const pb::QuorumVoteRequest& from, Attachments) {
  VoteRequest to{.pre_vote = from.pre_vote(), .by_transfer = from.by_transfer()};
  STRANDLINE_TRY(to.epoch, take_epoch(from.epoch()));
  STRANDLINE_TRY(to.candidate, take(from.candidate()));
  STRANDLINE_TRY(to.voter, take(from.voter()));
  STRANDLINE_TRY(to.log_end, take(from.log_end()));
  STRANDLINE_TRY(to.voters, take(from.voters()));
  return QuorumMessage{to};
}

Taken take(const pb::QuorumVoteResponse& from, Attachments) {
  VoteResponse to{
      .pre_vote = from.pre_vote(), .granted = from.granted(), .uncertain = from.uncertain()};
  STRANDLINE_TRY(to.epoch, take_epoch(from.epoch()));
  STRANDLINE_TRY(to.asked, take_epoch(from.asked()));
  STRANDLINE_TRY(to.voters_settled, take(from.voters_settled()));
  STRANDLINE_TRY(to.voter, take(from.voter()));
  return QuorumMessage{to};
}

std::shared_ptr<const std::vector<std::byte>> copy_of(ByteView bytes) {
  return std::make_shared<const std::vector<std::byte>>(bytes.begin(), bytes.end());
}

Taken take(const pb::QuorumReplicateRequest& from, Attachments attachments) {
  ReplicateRequest to{.round = from.round(), .incarnation = from.incarnation()};
  STRANDLINE_TRY(to.epoch, take_epoch(from.epoch()));
  STRANDLINE_TRY(to.leader, take(from.leader()));
  STRANDLINE_TRY(to.previous, take(from.previous()));
  STRANDLINE_TRY(to.committed, take_offset(from.committed()));
  for (const ByteView attachment : attachments) {
    STRANDLINE_TRY(QuorumBatch batch, quorum_batch_of(copy_of(attachment)));
    to.batches.push_back(std::move(batch));
  }
  return QuorumMessage{std::move(to)};
}

Taken take(const pb::QuorumReplicateResponse& from, Attachments) {
  ReplicateResponse to{
      .incarnation = from.incarnation(), .round = from.round(), .diverged = from.diverged()};
  STRANDLINE_TRY(to.epoch, take_epoch(from.epoch()));
  STRANDLINE_TRY(to.replica, take(from.replica()));
  STRANDLINE_TRY(to.log_end, take(from.log_end()));
  STRANDLINE_TRY(to.flushed, take_offset(from.flushed()));
  return QuorumMessage{to};
}

Taken take(const pb::QuorumSnapshotChunk& from, Attachments attachments) {
  if (attachments.size() != 1) return Errc::malformed_frame;
  SnapshotChunk to{.round = from.round(), .position = from.position(), .size = from.size()};
  STRANDLINE_TRY(to.epoch, take_epoch(from.epoch()));
  STRANDLINE_TRY(to.leader, take(from.leader()));
  STRANDLINE_TRY(to.end, take(from.end()));
  to.bytes.assign(attachments[0].begin(), attachments[0].end());
  return QuorumMessage{std::move(to)};
}

Taken take(const pb::QuorumSnapshotResponse& from, Attachments) {
  SnapshotResponse to{
      .incarnation = from.incarnation(), .round = from.round(), .position = from.position()};
  STRANDLINE_TRY(to.epoch, take_epoch(from.epoch()));
  STRANDLINE_TRY(to.replica, take(from.replica()));
  STRANDLINE_TRY(to.end, take(from.end()));
  return QuorumMessage{to};
}

Taken take(const pb::QuorumTransferRequest& from, Attachments) {
  TransferRequest to;
  STRANDLINE_TRY(to.epoch, take_epoch(from.epoch()));
  STRANDLINE_TRY(to.leader, take(from.leader()));
  return QuorumMessage{to};
}

Taken take(const pb::QuorumFollowRequest& from, Attachments) {
  FollowRequest to{.incarnation = from.incarnation()};
  STRANDLINE_TRY(to.replica, take(from.replica()));
  return QuorumMessage{to};
}

Taken take(const pb::QuorumFollowResponse& from, Attachments) {
  FollowResponse to;
  STRANDLINE_TRY(to.epoch, take_epoch(from.epoch()));
  if (from.has_leader()) {
    if (from.leader_port() > 65535) return Errc::malformed_frame;
    Voter leader{.rpc = {from.leader_host(), static_cast<std::uint16_t>(from.leader_port())}};
    STRANDLINE_TRY(leader.key, take(from.leader()));
    to.leader = std::move(leader);
  }
  return QuorumMessage{std::move(to)};
}

Taken take_any(const pb::QuorumMessage& from, Attachments attachments) {
  switch (from.kind_case()) {
    case pb::QuorumMessage::kVoteRequest: return take(from.vote_request(), attachments);
    case pb::QuorumMessage::kVoteResponse: return take(from.vote_response(), attachments);
    case pb::QuorumMessage::kReplicateRequest: return take(from.replicate_request(), attachments);
    case pb::QuorumMessage::kReplicateResponse: return take(from.replicate_response(), attachments);
    case pb::QuorumMessage::kSnapshotChunk: return take(from.snapshot_chunk(), attachments);
    case pb::QuorumMessage::kSnapshotResponse: return take(from.snapshot_response(), attachments);
    case pb::QuorumMessage::kTransferRequest: return take(from.transfer_request(), attachments);
    case pb::QuorumMessage::kFollowRequest: return take(from.follow_request(), attachments);
    case pb::QuorumMessage::kFollowResponse: return take(from.follow_response(), attachments);
    case pb::QuorumMessage::KIND_NOT_SET: break;
  }
  return Errc::unsupported_format;
}

template <class Message>
bool parse(Message& message, ByteView bytes) {
  return bytes.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()) &&
         message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace

QuorumFrame encode_quorum_message(const Uuid& cluster_id, const QuorumMessage& message) {
  QuorumFrame frame;
  pb::QuorumMessage out;
  put(cluster_id, out.mutable_cluster_id());
  std::visit(Writer{frame, out}, message);
  frame.message = out.SerializeAsString();
  return frame;
}

Result<ReceivedQuorumMessage> decode_quorum_message(ByteView message, Attachments attachments) {
  pb::QuorumMessage in;
  if (!parse(in, message)) return Errc::malformed_frame;
  STRANDLINE_TRY(const Uuid cluster_id, take_uuid(in.cluster_id()));
  STRANDLINE_TRY(QuorumMessage taken, take_any(in, attachments));
  return ReceivedQuorumMessage{cluster_id, std::move(taken)};
}

// --- the vote

std::string encode_stored_vote(const StoredVote& stored) {
  const QuorumVote& vote = stored.vote;
  pb::QuorumVoteFile out;
  out.set_epoch(vote.epoch.value());
  if (vote.voted_for) put(*vote.voted_for, out.mutable_voted_for());
  out.set_uncertain(vote.uncertain);
  put(vote.voters_seen, out.mutable_voters_seen());
  out.set_voters_settled(vote.voters_settled.value());
  out.set_starts(stored.starts);
  if (stored.installing) out.set_installing(stored.installing->value());
  return out.SerializeAsString();
}

Result<StoredVote> decode_stored_vote(ByteView bytes) {
  pb::QuorumVoteFile in;
  if (!parse(in, bytes)) return Errc::corrupt_file;
  if (in.epoch() < 0 || in.voters_settled() < 0 || in.installing() < 0) return Errc::corrupt_file;
  StoredVote stored{.starts = in.starts()};
  stored.vote.epoch = LeaderEpoch{in.epoch()};
  if (in.has_voted_for()) {
    const Result<ReplicaKey> key = take(in.voted_for());
    if (!key) return Errc::corrupt_file;
    stored.vote.voted_for = key.value();
  }
  stored.vote.uncertain = in.uncertain();
  const Result<LogEnd> seen = take(in.voters_seen());
  if (!seen) return Errc::corrupt_file;
  stored.vote.voters_seen = seen.value();
  stored.vote.voters_settled = Offset{in.voters_settled()};
  if (in.has_installing()) stored.installing = Offset{in.installing()};
  return stored;
}

// --- batches

Result<QuorumBatch> quorum_batch_of(std::shared_ptr<const std::vector<std::byte>> bytes) {
  const ByteView view{*bytes};
  STRANDLINE_TRY(const BatchHeader header, parse_batch(view));
  if (header.size_bytes() != view.size() || header.record_count <= 0 ||
      header.base_offset < Offset{0} || !batch_crc_matches(view)) {
    return Errc::corrupt_batch;
  }
  QuorumBatch batch{.base_offset = header.base_offset,
                    .next_offset = header.next_offset(),
                    .epoch = header.leader_epoch,
                    .voters = {},
                    .bytes = std::move(bytes)};
  STRANDLINE_TRY(const std::vector<MetadataRecord> records, records_of(batch));
  if (Offset{batch.base_offset + static_cast<std::int64_t>(records.size())} != batch.next_offset) {
    return Errc::corrupt_batch;
  }
  for (const MetadataRecord& record : records) {
    const auto* voters = std::get_if<VotersRecord>(&record);
    if (voters == nullptr) continue;
    if (records.size() != 1) return Errc::corrupt_batch;
    batch.voters = voters_of(*voters);
  }
  return batch;
}

Result<std::vector<MetadataRecord>> records_of(const QuorumBatch& batch) {
  std::vector<MetadataRecord> records;
  Decompressor decompressor;
  ErrorCode failed;
  STRANDLINE_TRYV(for_each_record(
      ByteView{*batch.bytes}, decompressor, kBatchBytesMax, [&](const RecordView& record) {
        auto decoded = record.value ? decode_metadata_record(*record.value)
                                    : Result<MetadataRecord>{Errc::corrupt_batch};
        if (!decoded) {
          failed = decoded.error();
          return false;
        }
        records.push_back(std::move(decoded).value());
        return true;
      }));
  if (failed) return failed;
  return records;
}

QuorumBatch make_quorum_batch(std::span<const MetadataRecord> records, Offset base_offset,
                              LeaderEpoch epoch, Timestamp now) {
  STRANDLINE_ASSERT(!records.empty());
  BatchBuilder builder;
  std::optional<VoterSet> voters;
  for (const MetadataRecord& record : records) {
    if (const auto* change = std::get_if<VotersRecord>(&record)) {
      STRANDLINE_ASSERT(records.size() == 1);
      voters = voters_of(*change);
    }
    const std::string value = encode_metadata_record(record);
    builder.append({.value = as_bytes(value), .timestamp = now});
  }
  Compressor compressor;
  auto bytes = std::make_shared<std::vector<std::byte>>();
  builder.build({.base_offset = base_offset, .leader_epoch = epoch}, compressor, *bytes);
  return {.base_offset = base_offset,
          .next_offset = base_offset + static_cast<std::int64_t>(records.size()),
          .epoch = epoch,
          .voters = std::move(voters),
          .bytes = std::move(bytes)};
}

VoterSet voters_of(const VotersRecord& record) {
  std::vector<Voter> voters;
  for (const QuorumVoter& voter : record.voters) {
    voters.push_back({{voter.broker, voter.directory}, voter.rpc.value_or(HostPort{})});
  }
  return VoterSet{voters};
}

VotersRecord record_of(const VoterSet& voters, std::int32_t wanted) {
  VotersRecord record{.voters = {}, .wanted = wanted};
  for (const Voter& voter : voters.all()) {
    record.voters.push_back({voter.key.node, voter.key.directory,
                             voter.rpc.is_none() ? std::optional<HostPort>{} : voter.rpc});
  }
  return record;
}

}  // namespace strandline
