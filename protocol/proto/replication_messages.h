// What leaders and followers of partitions say to each other, as plain structs, and their Protobuf
// bytes. Field by field meaning: protocol/proto/replication.proto; how they follow one another:
// replication/partition/messages.h. Format: docs/formats/replication.md
//
// Thread   values and pure functions
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/clock.h"
#include "protocol/base/errc.h"
#include "protocol/base/ids.h"
#include "protocol/base/result.h"
#include "protocol/base/strong.h"
#include "protocol/proto/storage_records.h"

namespace strandline {

// A replica is named by the broker that holds it.
using ReplicaId = BrokerId;
inline constexpr ReplicaId kNoReplica = kNoBroker;

// One start of a broker process: the broker epoch that the controller gave its registration, so a
// later start has a greater one. -1 is "not known".
using Incarnation = StrongPoint<struct IncarnationTag, std::int64_t>;
inline constexpr Incarnation kNoIncarnation{-1};

// Counts the streams that one follower opened since its broker started; 0 is "none".
using StreamId = StrongPoint<struct StreamIdTag, std::int64_t>;
inline constexpr StreamId kNoStream{0};

struct StreamName {
  LeaderEpoch leader_epoch = kNoLeaderEpoch;
  ReplicaId replica = kNoReplica;  // the follower
  Incarnation incarnation = kNoIncarnation;
  StreamId stream = kNoStream;
  friend constexpr auto operator<=>(const StreamName&, const StreamName&) = default;
};

// Some neighbouring epochs of a log, oldest first, and where the last of them ends.
struct EpochPiece {
  std::vector<EpochStart> starts;
  Offset end;
  bool has_older = false;  // the log has older epochs than these
  friend bool operator==(const EpochPiece&, const EpochPiece&) = default;
};

// A piece stays small whatever the history: a leader reads it for each of thousands of partitions.
inline constexpr std::size_t kEpochsPerPieceMax = 64;

// The follower wants to follow, or answers OlderEpochsWanted.
struct OpenStream {
  StreamName name;
  std::int32_t round = 0;  // counts the pieces of this stream
  EpochPiece history;
  Offset log_start_offset;
  Offset log_end_offset;
  std::uint64_t credit_limit = 0;  // as in StreamAck
  // Its records were damaged, or it cannot know that it has them all: it does not count as in sync
  // until it has caught up.
  bool needs_catch_up = false;
  friend bool operator==(const OpenStream&, const OpenStream&) = default;
};

struct StreamAck {
  StreamName name;
  Offset appended;  // the follower's log end
  Offset flushed;
  Offset high_watermark;  // the last it heard, as far as its log reaches
  Offset log_start_offset;
  // Bytes the leader may send in this stream, counted from its opening.
  std::uint64_t credit_limit = 0;
  // Its disk keeps it waiting: it would rather not be waited for.
  bool stalled = false;
  friend bool operator==(const StreamAck&, const StreamAck&) = default;
};

// The follower is to go on with its epochs at or below `at_most`.
struct OlderEpochsWanted {
  StreamName name;
  std::int32_t round = 0;  // of the piece that this answers
  LeaderEpoch at_most;
  friend bool operator==(const OlderEpochsWanted&, const OlderEpochsWanted&) = default;
};

// Both logs agree below `offset`: the follower cuts what lies from there on.
struct StreamOpened {
  StreamName name;
  Offset offset;
  bool restart = false;  // nothing of its log is of use: drop all of it, begin at `offset`
  friend bool operator==(const StreamOpened&, const StreamOpened&) = default;
};

// What the leader says of one batch among the bytes; the receiver holds the batch against it.
struct BatchClaim {
  Offset base_offset;
  LeaderEpoch leader_epoch;
  std::int32_t record_count = 0;
  Timestamp append_time = kNoTimestamp;  // by the leader's clock
  bool begins_segment = false;           // the leader rolled before it, so does the follower
  friend bool operator==(const BatchClaim&, const BatchClaim&) = default;

  Offset next_offset() const { return base_offset + record_count; }
};

struct StreamBatches {
  StreamName name;
  std::vector<BatchClaim> batches;
  std::uint64_t bytes = 0;
  Offset high_watermark;
  Offset log_start_offset;
  friend bool operator==(const StreamBatches&, const StreamBatches&) = default;
};

// High watermark and log start when no batch carries them.
struct StreamPosition {
  StreamName name;
  Offset sent_end;  // batches below it were sent in this stream
  Offset high_watermark;
  Offset log_start_offset;
  bool confirm = false;  // the follower acknowledges also when nothing is new
  friend bool operator==(const StreamPosition&, const StreamPosition&) = default;
};

// There is no stream of this name, or no longer: the follower opens another.
struct StreamEnd {
  StreamName name;
  Errc reason = Errc::ok;
  friend bool operator==(const StreamEnd&, const StreamEnd&) = default;
};

using LeaderMessage =
    std::variant<OlderEpochsWanted, StreamOpened, StreamBatches, StreamPosition, StreamEnd>;
using FollowerMessage = std::variant<OpenStream, StreamAck>;

// A message together with the partition it is about.
template <class Message>
struct Placed {
  PartitionKey place;
  Message message;
  friend bool operator==(const Placed&, const Placed&) = default;
};

// Many of them in one frame. The bytes of each StreamBatches are an attachment, in order.
//
// Decoders check every field that has bounds of its own; whether numbers fit each other is for the
// cores to judge. StreamBatches::bytes is not sent: it is set from the attachment.
//
// Errors   malformed_frame   does not decode, or a value that no writer puts there
std::string encode_follower_entries(std::span<const Placed<FollowerMessage>> entries);
Result<std::vector<Placed<FollowerMessage>>> decode_follower_entries(ByteView bytes);
std::string encode_leader_entries(std::span<const Placed<LeaderMessage>> entries);
Result<std::vector<Placed<LeaderMessage>>> decode_leader_entries(ByteView bytes);

// What a leader found the batches in [start, end) to be, for a follower to compare with its own.
struct RangeDigest {
  PartitionKey place;
  LeaderEpoch leader_epoch;
  Offset start;
  Offset end;
  std::uint64_t bytes = 0;  // at least 1
  std::uint64_t xxh3 = 0;
  friend bool operator==(const RangeDigest&, const RangeDigest&) = default;
};

// Errors   malformed_frame   does not decode, or a value that no writer puts there
std::string encode_range_digest(const RangeDigest& digest);
Result<RangeDigest> decode_range_digest(ByteView bytes);

}  // namespace strandline
