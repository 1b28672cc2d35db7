// strandline_sim_storage: runs the storage simulation for one seed or many.
//
//   strandline_sim_storage --seed 41      repeats that run exactly; --trace tells each action
//   strandline_sim_storage --seeds 2000   seeds 0 to 1999 (or from --seed on)
//   strandline_sim_storage --plant NAME   with a mistake made on purpose: some seed must fail
//
// Prints a line for each failing seed, a summary, and "N passed, N failed" at the end.
#include <cstdio>
#include <string>
#include <string_view>

#include "tests/sim/arguments.h"
#include "tests/sim/storage/log_run.h"

namespace {

using strandline::sim::WorldStats;

void print_stats(const WorldStats& s) {
  std::printf(
      "%lu steps: %lu appends, %lu duplicates, %lu syncs, %lu rolls, %lu reads, %lu truncations, "
      "%lu segments dropped; %lu crashes (%lu in recovery), %lu tails cut\n",
      s.steps, s.appends, s.duplicates, s.syncs, s.rolls, s.reads, s.truncations,
      s.dropped_segments, s.crashes, s.crashes_in_recovery, s.cuts);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace strandline::sim;
  RunOptions run;
  const Simulator simulator{.name = "strandline_sim_storage",
                            .length_flag = "--steps",
                            .plants = plant_names(),
                            .take_plant = [&run](std::string_view name) {
                              const auto plant = plant_from_name(name);
                              if (plant) run.plant = *plant;
                              return plant.has_value();
                            }};
  const Arguments arguments = parse_arguments(argc, argv, simulator);
  run.trace = arguments.trace;
  run.faults = arguments.faults;
  if (arguments.length > 0) run.steps = arguments.length;
  WorldStats stats;
  const auto run_one = [&](std::uint64_t seed) {
    const RunOutcome outcome = run_log(seed, run);
    stats.add(outcome.stats);
    return outcome.passed ? std::string{} : outcome.violation;
  };
  return run_seeds(simulator, arguments, run.steps, run_one, [&] { print_stats(stats); });
}
