// strandline_sim: runs the storage simulation for one seed or many.
//
//   strandline_sim --seed 41              repeats that run exactly; --trace tells each action
//   strandline_sim --seeds 2000           seeds 0 to 1999 (or from --seed on)
//   strandline_sim --plant NAME           with a mistake made on purpose: some seed must fail
//
// Prints a line for each failing seed, a summary, and "N passed, N failed" at the end.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/sim/storage/log_run.h"

namespace {

using strandline::sim::RunOptions;
using strandline::sim::RunOutcome;
using strandline::sim::WorldStats;

struct Arguments {
  std::uint64_t seed = 0;
  std::uint64_t seeds = 1;
  std::string plant = "none";
  RunOptions run;
};

[[noreturn]] void usage(const std::string& problem) {
  std::fprintf(stderr,
               "strandline_sim: %s\nusage: strandline_sim [--seed N] [--seeds N] [--steps N] "
               "[--trace] [--no-faults] [--plant NAME]\nplants: %s\n",
               problem.c_str(), strandline::sim::plant_names().c_str());
  std::exit(2);
}

std::uint64_t number(std::string_view flag, const char* text) {
  char* end = nullptr;
  const std::uint64_t value = text == nullptr ? 0 : std::strtoull(text, &end, 10);
  if (text == nullptr || *text == '\0' || *end != '\0')
    usage(std::string{flag} + " wants a number");
  return value;
}

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : nullptr;
    if (flag == "--seed") {
      arguments.seed = number(flag, value), ++i;
    } else if (flag == "--seeds") {
      arguments.seeds = number(flag, value), ++i;
    } else if (flag == "--steps") {
      arguments.run.steps = static_cast<int>(number(flag, value)), ++i;
    } else if (flag == "--plant") {
      const auto plant = strandline::sim::plant_from_name(value == nullptr ? "" : value);
      if (!plant.has_value()) usage("unknown plant");
      arguments.run.plant = *plant;
      arguments.plant = value, ++i;
    } else if (flag == "--trace") {
      arguments.run.trace = true;
    } else if (flag == "--no-faults") {
      arguments.run.faults = false;
    } else {
      usage("unknown argument " + std::string{flag});
    }
  }
  return arguments;
}

void print_stats(const WorldStats& s) {
  std::printf(
      "%lu steps: %lu appends, %lu duplicates, %lu syncs, %lu rolls, %lu reads, %lu truncations, "
      "%lu segments dropped; %lu crashes (%lu in recovery), %lu tails cut\n",
      s.steps, s.appends, s.duplicates, s.syncs, s.rolls, s.reads, s.truncations,
      s.dropped_segments, s.crashes, s.crashes_in_recovery, s.cuts);
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments = parse(argc, argv);
  std::uint64_t failed = 0;
  WorldStats stats;
  for (std::uint64_t i = 0; i < arguments.seeds; ++i) {
    const std::uint64_t seed = arguments.seed + i;
    const RunOutcome outcome = strandline::sim::run_log(seed, arguments.run);
    stats.add(outcome.stats);
    if (outcome.passed) continue;
    ++failed;
    std::printf("FAILED: %s\n  again: strandline_sim --seed %lu --steps %d%s%s%s\n",
                outcome.violation.c_str(), seed, arguments.run.steps,
                arguments.run.faults ? "" : " --no-faults",
                arguments.plant == "none" ? "" : " --plant ",
                arguments.plant == "none" ? "" : arguments.plant.c_str());
  }
  print_stats(stats);
  std::printf("%lu passed, %lu failed\n", arguments.seeds - failed, failed);
  return failed == 0 ? 0 : 1;
}
