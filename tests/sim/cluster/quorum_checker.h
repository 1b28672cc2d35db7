// The rules of Raft by which a leader of the metadata loses nothing: these break long before
// anything is lost.
//
//   votes      who leads has its own vote on the disk
//   commits    a leader commits what earlier ones left only along with a record of its own epoch
//   decisions  a leader decides, and changes the voters, only once a record of its own epoch is
//              committed
//
// Thread   the world's
#pragma once

#include <cstdint>
#include <map>

#include "replication/quorum/quorum.h"
#include "tests/sim/cluster/world.h"

namespace strandline::cluster_sim {

class QuorumChecker {
 public:
  struct Leading {
    LeaderEpoch epoch = kNoLeaderEpoch;  // none: it does not lead
    Offset committed{0};
    LeaderEpoch epoch_committed = kNoLeaderEpoch;  // of the last record that is
    Offset voters_end{0};                          // of the last change of the voters
    bool decides = false;
  };

  // Both throw Violation.
  void after_event(const Host& host, const Quorum& quorum);
  void after_event(const Host& host, const Leading& now);

 private:
  struct Seen {
    std::uint64_t life = 0;
    Leading leading;
  };

  static void check_vote(const Host& host, LeaderEpoch epoch);

  std::map<int, Seen> seen_;
};

}  // namespace strandline::cluster_sim
