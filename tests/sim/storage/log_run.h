// A seeded life of one log: random work, faults and crashes, everything checked as it goes.
//
// Thread   one owner
#pragma once

#include <cstdint>
#include <string>

#include "tests/sim/storage/log_world.h"

namespace strandline::sim {

struct RunOptions {
  Plant plant = Plant::none;
  int steps = 120;
  bool faults = true;  // calls of the disk that fail, beside the crashes
  bool trace = false;
};

struct RunOutcome {
  bool passed = true;
  std::string violation;
  std::uint64_t digest = 0;  // of all that happened: the same seed gives the same one
  WorldStats stats;
};

RunOutcome run_log(std::uint64_t seed, const RunOptions& options);

}  // namespace strandline::sim
