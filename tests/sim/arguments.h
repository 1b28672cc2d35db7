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
  int length = 0;  // in what the simulator measures it; 0: as it likes
  std::string plant;
  bool trace = false;
  bool faults = true;
};

// What differs from one simulator to the next.
struct Simulator {
  std::string name;
  std::string length_flag;                           // "--steps"
  std::string plants;                                // their names
  std::function<bool(std::string_view)> take_plant;  // false: there is no such plant
};

// Ends the process with status 2 when the arguments make no sense.
Arguments parse_arguments(int argc, char** argv, const Simulator& simulator);

// The command that repeats a run.
std::string command_again(const Simulator& simulator, const Arguments& arguments,
                          std::uint64_t seed, int length);

}  // namespace strandline::sim
