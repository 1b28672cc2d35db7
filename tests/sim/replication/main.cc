// strandline_sim_partition: runs the simulation of a replicated partition for one seed or many.
//
//   strandline_sim_partition --seed 41      repeats that run exactly; --trace tells what happens
//   strandline_sim_partition --seeds 2000   seeds 0 to 1999 (or from --seed on)
//   strandline_sim_partition --plant NAME   with a mistake made on purpose: some seed must fail
//
// Prints a line for each failing seed, a summary, and "N passed, N failed" at the end.
#include <cstdio>
#include <string>
#include <string_view>

#include "tests/sim/arguments.h"
#include "tests/sim/replication/partition_run.h"

namespace {

using strandline::partition_sim::ClusterStats;

void print_stats(const ClusterStats& s) {
  std::printf(
      "%lu events, %lu messages: %lu appends, %lu acknowledged, %lu refused; %lu crashes, "
      "%lu disks damaged, %lu links cut; %lu terms, %lu ISR changes, %lu refused; "
      "%lu truncations, %lu logs begun anew, %lu streams broken, %lu reads from files, "
      "%lu deletions, %lu allowances\n",
      s.events, s.messages, s.appends, s.acknowledged, s.refused, s.crashes, s.damages, s.cuts,
      s.terms, s.isr_changes, s.isr_refusals, s.truncations, s.restarts, s.broken_streams,
      s.file_reads, s.deletions, s.allowances);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace strandline::sim;
  using namespace strandline::partition_sim;
  RunOptions run;
  const Simulator simulator{.name = "strandline_sim_partition",
                            .length_flag = "--ms",
                            .plants = plant_names(),
                            .take_plant = [&run](std::string_view name) {
                              const auto plant = plant_from_name(name);
                              if (plant) run.plant = *plant;
                              return plant.has_value();
                            }};
  const Arguments arguments = parse_arguments(argc, argv, simulator);
  run.trace = arguments.trace;
  run.faults = arguments.faults;
  if (arguments.length > 0) run.ms = arguments.length;
  ClusterStats stats;
  const auto run_one = [&](std::uint64_t seed) {
    const RunOutcome outcome = run_partition(seed, run);
    stats.add(outcome.stats);
    return outcome.passed ? std::string{} : outcome.violation;
  };
  return run_seeds(simulator, arguments, run.ms, run_one, [&] { print_stats(stats); });
}
