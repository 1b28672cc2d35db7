// What members of the metadata quorum say to each other. All of it may be lost, doubled, late or
// out of order; nothing is believed because of when it comes.
//
// Thread   values, no state
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "protocol/base/ids.h"
#include "replication/quorum/quorum_log.h"
#include "replication/quorum/voters.h"

namespace strandline {

// A candidate asks for a vote; with pre_vote it asks only whether it would get it, in an epoch that
// does not begin by that (Ongaro 2014, section 9.6).
struct VoteRequest {
  LeaderEpoch epoch;  // that it wants to lead
  ReplicaKey candidate;
  ReplicaKey voter;  // whom it takes the receiver for
  LogEnd log_end;    // of the candidate
  LogEnd voters;     // where the newest change of the voters ends that it knows
  bool pre_vote = false;
  bool by_transfer = false;  // its leader told it to: not held against a leader that still lives
};

struct VoteResponse {
  LeaderEpoch epoch;  // the voter's
  LeaderEpoch asked;  // that the request was for
  ReplicaKey voter;
  bool pre_vote = false;
  bool granted = false;
  bool uncertain = false;  // the voter may have lost what it once acknowledged
  // The request's `voters`, where that change is known here to be committed; granted or not.
  LogEnd voters_settled;
};

// The leader sends batches, or only that it lives.
struct ReplicateRequest {
  LeaderEpoch epoch;
  ReplicaKey leader;
  std::uint64_t round = 0;  // counts those to one follower in one epoch, from 1
  // Of the follower, as the leader has heard: in an earlier life it may have acknowledged more than
  // the leader had committed when it said this.
  std::uint64_t incarnation = 0;
  LogEnd previous;  // what the batches follow on
  std::vector<QuorumBatch> batches;
  Offset committed{0};
};

struct ReplicateResponse {
  LeaderEpoch epoch;  // the follower's; a newer one ends the leader's term
  ReplicaKey replica;
  std::uint64_t incarnation = 0;  // a new one at each start: what was said before may be lost
  std::uint64_t round = 0;        // of the latest request
  bool diverged = false;          // its log does not hold `previous`
  LogEnd log_end;                 // diverged: where the two logs may meet
  Offset flushed{0};              // on its disk, and the same as the leader's
};

// A piece of a snapshot, for a follower that needs what the leader's log no longer has.
struct SnapshotChunk {
  LeaderEpoch epoch;
  ReplicaKey leader;
  std::uint64_t round = 0;
  LogEnd end;  // what the snapshot holds
  std::uint64_t position = 0;
  std::uint64_t size = 0;  // of the whole snapshot, bytes
  std::vector<std::byte> bytes;
};

struct SnapshotResponse {
  LeaderEpoch epoch;
  ReplicaKey replica;
  std::uint64_t incarnation = 0;
  std::uint64_t round = 0;
  LogEnd end;
  std::uint64_t position = 0;  // wanted next; the size: it is installed
};

// The leader asks a voter that has everything to take over at once.
struct TransferRequest {
  LeaderEpoch epoch;
  ReplicaKey leader;
};

// A broker that hears of no leader asks to be sent the log.
struct FollowRequest {
  ReplicaKey replica;
  std::uint64_t incarnation = 0;
};

// Of one that does not lead: who does.
struct FollowResponse {
  LeaderEpoch epoch;
  std::optional<Voter> leader;
};

using QuorumMessage =
    std::variant<VoteRequest, VoteResponse, ReplicateRequest, ReplicateResponse, SnapshotChunk,
                 SnapshotResponse, TransferRequest, FollowRequest, FollowResponse>;

}  // namespace strandline
