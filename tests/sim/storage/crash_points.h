// The same work again and again, ended at its first, second, third, … call of the disk: every crash
// point of an action is met, with every kind of power loss.
//
// Thread   one owner
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/sim/storage/log_world.h"

namespace strandline::sim {

// Some work on a log that was prepared before; only calls made by `act` are crash points.
struct CrashScenario {
  std::string name;
  std::function<void(LogWorld&)> prepare;
  std::function<void(LogWorld&)> act;
};

std::vector<CrashScenario> crash_scenarios();

struct CrashPointResult {
  std::uint64_t points = 0;             // calls of the disk at which the process ended
  std::uint64_t runs = 0;               // points times models times seeds
  std::vector<std::string> violations;  // with the point they happened at
};

// seeds    how often each point is met with each model, with other sizes and torn pages
CrashPointResult enumerate_crash_points(const CrashScenario& scenario, std::uint64_t seeds);

}  // namespace strandline::sim
