// One seed: a cluster, its faults, then healing and what must be true after it.
#pragma once

#include <cstdint>
#include <string>

#include "tests/sim/replication/cluster.h"

namespace strandline::partition_sim {

struct RunOptions {
  Plant plant = Plant::none;
  int ms = 5000;       // of faults, in virtual time
  bool faults = true;  // false: only the network's delays
  bool trace = false;
};

struct RunOutcome {
  bool passed = true;
  std::string violation;
  std::uint64_t digest = 0;  // of all that happened: the same seed gives the same one
  ClusterStats stats;
};

RunOutcome run_partition(std::uint64_t seed, const RunOptions& options);

}  // namespace strandline::partition_sim
