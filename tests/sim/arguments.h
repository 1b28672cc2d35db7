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

// Runs all seeds and prints a line for each that fails, what `print_stats` has to say, and "N
// passed, N failed".
//
// length   of each run, to name it in the command that repeats one
// run_one  what was violated; empty: nothing
// Returns  the program's exit status
int run_seeds(const Simulator& simulator, const Arguments& arguments, int length,
              const std::function<std::string(std::uint64_t seed)>& run_one,
              const std::function<void()>& print_stats);

}  // namespace strandline::sim
