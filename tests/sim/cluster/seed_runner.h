// Runs many seeds in several processes and tells what came of them.
//
// Thread   one; forks
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tests/sim/cluster/run.h"

namespace strandline::cluster_sim {

struct SeedPlan {
  std::uint64_t first = 0;
  std::uint64_t seeds = 1;   // so many, and no more
  double seconds_max = 0;    // begun within this time; 0: all of them
  int jobs = 1;              // processes
  std::uint64_t twice = 0;   // of a hundred seeds so many are run twice, and must give the same
  bool until_found = false;  // ends with the first violation
  std::string again;         // the command that repeats a seed, but for its number
  RunOptions run;
};

struct SeedReport {
  std::uint64_t passed = 0;  // and counted
  std::uint64_t idle = 0;    // nothing was wrong, but too little happened to count
  std::uint64_t failed = 0;
  std::uint64_t repeated = 0;
  double cpu_seconds = 0;
  RunStats stats;  // of all
};

// Prints a line and the command that repeats it for each seed that fails, or ends the process.
SeedReport run_seeds(const SeedPlan& plan);

}  // namespace strandline::cluster_sim
