// A seeded life of one whole cluster: it forms, works under faults for a while, then nothing fails
// any more and it has to come to rest with everything that was acknowledged.
//
// Thread   one run at a time in a process
#pragma once

#include <cstdint>
#include <string>

#include "tests/sim/cluster/clients.h"
#include "tests/sim/cluster/faults.h"
#include "tests/sim/cluster/network.h"

namespace strandline::cluster_sim {

struct RunOptions {
  int seconds = 60;  // of simulated time, with faults
  bool faults = true;
  bool trace = false;
};

struct RunStats {
  std::uint64_t events = 0;
  std::uint64_t leader_changes = 0;
  std::uint64_t controllers = 0;
  std::uint64_t starts = 0;
  std::uint64_t disk_failures = 0;
  std::uint64_t statements = 0;  // on time
  std::uint64_t settled_ms = 0;  // after the last fault
  Clients::Stats clients;
  FaultStats faults;
  Network::Stats network;
  void add(const RunStats& other);
};

struct RunOutcome {
  bool passed = true;
  // Enough happened for the seed to show something: see kAckedMin and its like.
  bool counts = false;
  std::string violation;
  std::uint64_t digest = 0;
  RunStats stats;
};

inline constexpr std::uint64_t kAckedMin = 1000;
inline constexpr std::uint64_t kFaultsMin = 10;
inline constexpr std::uint64_t kLeaderChangesMin = 2;

RunOutcome run_cluster(std::uint64_t seed, const RunOptions& options);

}  // namespace strandline::cluster_sim
