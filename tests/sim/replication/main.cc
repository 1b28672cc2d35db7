// strandline_sim_partition: runs the simulation of a replicated partition for one seed or many.
//
//   strandline_sim_partition --seed 41      repeats that run exactly; --trace tells what happens
//   strandline_sim_partition --seeds 2000   seeds 0 to 1999 (or from --seed on)
//   strandline_sim_partition --plant NAME   with a mistake made on purpose: some seed must fail
//
// Prints a line for each failing seed, a summary, and "N passed, N failed" at the end.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/sim/replication/partition_run.h"

namespace {

using strandline::partition_sim::ClusterStats;
using strandline::partition_sim::RunOptions;
using strandline::partition_sim::RunOutcome;

struct Arguments {
  std::uint64_t seed = 0;
  std::uint64_t seeds = 1;
  std::string plant = "none";
  RunOptions run;
};

[[noreturn]] void usage(const std::string& problem) {
  std::fprintf(stderr,
               "strandline_sim_partition: %s\nusage: strandline_sim_partition [--seed N] "
               "[--seeds N] [--ms N] [--trace] [--no-faults] [--plant NAME]\nplants: %s\n",
               problem.c_str(), strandline::partition_sim::plant_names().c_str());
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
    } else if (flag == "--ms") {
      arguments.run.ms = static_cast<int>(number(flag, value)), ++i;
    } else if (flag == "--plant") {
      const auto plant = strandline::partition_sim::plant_from_name(value == nullptr ? "" : value);
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

void print_stats(const ClusterStats& s) {
  std::printf(
      "%lu events, %lu messages: %lu appends, %lu acknowledged, %lu refused; %lu crashes, "
      "%lu disks damaged, %lu links cut; %lu terms, %lu ISR changes, %lu refused; "
      "%lu truncations, %lu logs begun anew, %lu streams broken, %lu reads from files, "
      "%lu deletions\n",
      s.events, s.messages, s.appends, s.acknowledged, s.refused, s.crashes, s.damages, s.cuts,
      s.terms, s.isr_changes, s.isr_refusals, s.truncations, s.restarts, s.broken_streams,
      s.file_reads, s.deletions);
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments = parse(argc, argv);
  std::uint64_t failed = 0;
  ClusterStats stats;
  for (std::uint64_t i = 0; i < arguments.seeds; ++i) {
    const std::uint64_t seed = arguments.seed + i;
    const RunOutcome outcome = strandline::partition_sim::run_partition(seed, arguments.run);
    stats.add(outcome.stats);
    if (outcome.passed) continue;
    ++failed;
    std::printf("FAILED: %s\n  again: strandline_sim_partition --seed %lu --ms %d%s%s%s\n",
                outcome.violation.c_str(), seed, arguments.run.ms,
                arguments.run.faults ? "" : " --no-faults",
                arguments.plant == "none" ? "" : " --plant ",
                arguments.plant == "none" ? "" : arguments.plant.c_str());
  }
  print_stats(stats);
  std::printf("%lu passed, %lu failed\n", arguments.seeds - failed, failed);
  return failed == 0 ? 0 : 1;
}
