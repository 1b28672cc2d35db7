// Who takes part in the replication of one partition, and how starts, streams and changes of it are
// numbered.
//
// Thread   values, no state
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/base/strong.h"
#include "protocol/proto/replication_messages.h"

namespace strandline {

// Counts the changes of one partition that the controller committed.
using PartitionEpoch = StrongPoint<struct PartitionEpochTag, std::int32_t>;

// A member of a proposed ISR. The incarnation is the one whose progress the leader has seen;
// kNoIncarnation only for one that stays a member and was not heard in this term.
struct IsrMember {
  ReplicaId replica = kNoReplica;
  Incarnation incarnation = kNoIncarnation;
  friend constexpr auto operator<=>(const IsrMember&, const IsrMember&) = default;
};

// What the controller committed about a partition.
struct CommittedIsr {
  PartitionEpoch partition_epoch;
  std::vector<ReplicaId> members;
  // What stood in the topic's config as this was committed. It travels along because the controller
  // keeps those who leave as eligible leaders by this number, while the leader's own view of the
  // config may be older.
  std::int32_t min_insync_replicas = 1;
  friend bool operator==(const CommittedIsr&, const CommittedIsr&) = default;
};

// A change that the leader asks for: to be taken if the leader epoch is the present one and nothing
// has changed since `expected`.
struct IsrProposal {
  LeaderEpoch leader_epoch;
  PartitionEpoch expected;
  std::vector<IsrMember> members;  // by replica
  friend bool operator==(const IsrProposal&, const IsrProposal&) = default;
};

// Effect of leader and follower: readers may see records below `high_watermark`.
struct AdvanceHighWatermark {
  Offset high_watermark;
  friend bool operator==(const AdvanceHighWatermark&, const AdvanceHighWatermark&) = default;
};

// Effect of leader and follower: the stream is throttled and wants to go on. Have it stand in line
// with the broker's others, then tell on_allowance(), once, how much may be sent.
struct AskAllowance {
  StreamName name;
  // What was sent beyond earlier allowances of this replica, batches being whole; or less, below 0.
  std::int64_t bytes_beyond = 0;
  friend bool operator==(const AskAllowance&, const AskAllowance&) = default;
};

}  // namespace strandline
