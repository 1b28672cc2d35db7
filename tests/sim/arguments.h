// The command line of the simulators.
//
// Thread   pure functions
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace strandline::sim {

struct Arguments {
  std::uint64_t seed = 0;
  std::uint64_t seeds = 1;
  int steps = 0;  // 0: as many as the simulator takes itself
  std::string plant;
  bool trace = false;
  bool faults = true;

  // " --plant NAME", to repeat a run; empty without one.
  std::string plant_words() const { return plant.empty() ? "" : " --plant " + plant; }
};

// Ends the process with status 2 when the arguments make no sense.
//
// take_plant   false: there is no such plant
Arguments parse_arguments(int argc, char** argv, const std::string& program,
                          const std::string& plants,
                          const std::function<bool(std::string_view)>& take_plant);

}  // namespace strandline::sim
