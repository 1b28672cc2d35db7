// strandline_sim_quorum: runs the simulation of the metadata quorum for one seed or many.
//
//   strandline_sim_quorum --seed 41        repeats that run exactly; --trace tells each action
//   strandline_sim_quorum --seeds 2000     seeds 0 to 1999 (or from --seed on)
//   strandline_sim_quorum --plant NAME     with a mistake made on purpose: some seed must fail
//
// Prints a line for each failing seed, a summary, and "N passed, N failed" at the end.
#include <cstdio>
#include <string>

#include "tests/sim/arguments.h"
#include "tests/sim/quorum/run.h"

int main(int argc, char** argv) {
  using namespace strandline::sim;
  using namespace strandline::sim::quorum;
  RunOptions run;
  const Simulator simulator{.name = "strandline_sim_quorum",
                            .length_flag = "--steps",
                            .plants = plant_names(),
                            .take_plant = [&run](std::string_view name) {
                              const auto plant = plant_from_name(name);
                              if (plant) run.plant = *plant;
                              return plant.has_value();
                            }};
  const Arguments arguments = parse_arguments(argc, argv, simulator);
  run.trace = arguments.trace;
  if (arguments.length > 0) run.steps = arguments.length;
  Stats stats;
  const auto run_one = [&](std::uint64_t seed) {
    const RunOutcome outcome = run_quorum(seed, run);
    stats.add(outcome.stats);
    return outcome.passed ? std::string{} : outcome.violation;
  };
  return run_seeds(simulator, arguments, run.steps, run_one, [&] {
    std::printf(
        "%lu events: %lu proposals, %lu commits, %lu leaders, %lu truncations, %lu snapshots (%lu "
        "installed), %lu changes of voters, %lu transfers; %lu crashes, %lu damaged, %lu wiped\n",
        stats.events, stats.proposals, stats.commits, stats.leaders, stats.truncations,
        stats.snapshots, stats.installs, stats.voter_changes, stats.transfers, stats.crashes,
        stats.damages, stats.wipes);
  });
}
