// Messages of the metadata quorum and its durable vote as bytes (protocol/proto/quorum.proto), and
// what a batch of the metadata log says about its place and its voters.
//
// Thread   pure functions
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"
#include "protocol/base/uuid.h"
#include "protocol/proto/metadata_records.h"
#include "protocol/rpc/frame.h"
#include "replication/quorum/messages.h"
#include "replication/quorum/quorum.h"

namespace strandline {

// All of them are one-way messages of this method.
inline constexpr rpc::Method kQuorumMethod{1};

struct QuorumFrame {
  std::string message;
  std::vector<std::shared_ptr<const std::vector<std::byte>>> attachments;
};

struct ReceivedQuorumMessage {
  Uuid cluster_id;
  QuorumMessage message;
};

QuorumFrame encode_quorum_message(const Uuid& cluster_id, const QuorumMessage& message);

// Batches are checked: whole, with a good checksum, of records that decode.
//
// Errors   malformed_frame, corrupt_batch, corrupt_file, unsupported_format
Result<ReceivedQuorumMessage> decode_quorum_message(ByteView message,
                                                    std::span<const ByteView> attachments);

// The payload of the vote file.
struct StoredVote {
  QuorumVote vote;
  std::uint64_t starts = 0;
  // A received snapshot ends there, and the log may not have begun anew behind it yet.
  std::optional<Offset> installing;
};
std::string encode_stored_vote(const StoredVote& stored);
// Errors   corrupt_file
Result<StoredVote> decode_stored_vote(ByteView bytes);

// One batch of the metadata log as a value of the quorum.
//
// Errors   as decode_quorum_message
Result<QuorumBatch> quorum_batch_of(std::shared_ptr<const std::vector<std::byte>> bytes);

// The records of a batch, in order.
Result<std::vector<MetadataRecord>> records_of(const QuorumBatch& batch);

// Builds the batch that a leader appends at `base_offset`.
//
// Needs    records; a VotersRecord only alone
QuorumBatch make_quorum_batch(std::span<const MetadataRecord> records, Offset base_offset,
                              LeaderEpoch epoch, Timestamp now);

VoterSet voters_of(const VotersRecord& record);
VotersRecord record_of(const VoterSet& voters, std::int32_t wanted);

}  // namespace strandline
