// The rules of Raft by which a leader of the metadata loses nothing: these break long before
// anything is lost.
//
//   votes      who leads has its own vote on the disk
//   commits    a leader commits what earlier ones left only along with a record of its own epoch
//   voters     a leader changes the voters only once a record of its own epoch is committed
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
  // Throws Violation.
  void after_event(const Host& host, const Quorum& quorum);

 private:
  struct Seen {
    std::uint64_t life = 0;
    LeaderEpoch leads_in = kNoLeaderEpoch;
    Offset committed{0};
    Offset voters_end{0};
  };

  static void check_vote(const Host& host, LeaderEpoch epoch);

  std::map<int, Seen> seen_;
};

}  // namespace strandline::cluster_sim
