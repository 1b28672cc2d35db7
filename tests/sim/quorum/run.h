// A seeded life of one metadata quorum: work and faults, then peace, in which it has to go on.
//
// Thread   one owner
#pragma once

#include <cstdint>
#include <string>

#include "tests/sim/quorum/world.h"

namespace strandline::sim::quorum {

struct RunOptions {
  Plant plant = Plant::none;
  int steps = 150;
  bool trace = false;
};

struct RunOutcome {
  bool passed = true;
  std::string violation;
  std::uint64_t digest = 0;  // of all that happened: the same seed gives the same one
  Stats stats;
};

RunOutcome run_quorum(std::uint64_t seed, const RunOptions& options);

}  // namespace strandline::sim::quorum
