// Making one surviving replica of the metadata log its only voter, when a majority of the voters is
// gone for good.
//
// This is an administrator's act, offline, and never done by a broker on its own:
//
//   No replica can tell "gone for good" from "cut off". Were the others alive, they would go on
//   deciding, and there would be two clusters with one name. Only who can see that the machines
//   are switched off, and sees to it that they never come back with their old directories, knows.
//   No replica can tell what the others had committed without it. What is not in the survivor's
//   log is given up: topics, leaders and configs decided last may be as they were before, and
//   offsets of consumers are safe only as far as the partitions' own replicas are.
//   What is in its log counts as decided from here on, also what never had a majority.
//
// Of several survivors the one whose log goes furthest is to be taken (compare `kept`). The others
// come back with empty directories only: two of three that were thought dead are a majority and
// would go on by the old voters, and one whose snapshot goes further than the survivor's log takes
// itself to hold all below, with other contents.
//
// Thread   values and pure functions
#pragma once

#include <string>
#include <vector>

#include "protocol/base/result.h"
#include "replication/quorum/quorum.h"

namespace strandline {

// What is given up, as far as the survivor can tell.
struct ForcedLoss {
  LogEnd kept;                   // all before is kept; whatever was committed behind it is lost
  Offset surely_committed;       // below, nothing is decided by this act alone
  bool was_voter = false;        // else it may lag behind by any amount
  bool was_uncertain = false;    // it lost part of its own log at a start
  bool had_lost_voters = false;  // among that the newest change of the voters
  std::vector<Voter> left_out;   // those that had a vote, as far as it knows

  std::string text() const;  // for the administrator, who has to agree first; several lines
};

struct ForcedQuorum {
  // Of one record, which is to say that it was forced, when, and what `loss` says; its bytes are
  // left to the owner. To be appended and synced first.
  QuorumBatch batch;
  // Made durable after that. A crash between the two is mended by doing it again.
  QuorumVote vote;
  ForcedLoss loss;
};

// What to write on the disk of the survivor, while no broker uses it. It then starts as a lone
// voter in a new epoch, and commits all that its log holds.
//
// self     the survivor, with the address that others are to find it at
// Errors   corrupt_file   its epoch is beyond all reason
Result<ForcedQuorum> force_lone_voter(const QuorumStart& survivor, const Voter& self);

}  // namespace strandline
