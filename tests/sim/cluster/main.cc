// strandline_sim: whole clusters of real brokers on simulated networks, disks and clocks.
//
//   strandline_sim --seed 41                repeats that run exactly; --trace tells what happens
//   strandline_sim --seeds 2000 --jobs 2    seeds 0 to 1999 (or from --first on), two at a time
//   strandline_sim --fresh --for 120        seeds nobody has run yet, begun within 120 s
//
// One seed in a hundred is run twice and has to give the same. Prints a line for each failing seed,
// averages, and "N passed, N failed" at the end: what passed without enough happening to count is
// told apart. Ends with 0 when none failed.
//
//   strandline_sim_planted --plant NAME --seeds 500    with a mistake made on purpose (plants.txt)
//
// ends with the first seed that finds it, which is what passes; and failed if there is none.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/sim/cluster/plants.h"
#include "tests/sim/cluster/seed_runner.h"

namespace {

using namespace strandline::cluster_sim;

[[noreturn]] void usage(const std::string& problem) {
  std::fprintf(
      stderr,
      "strandline_sim: %s\nusage: strandline_sim [--seed N] [--first N] [--seeds N] "
      "[--fresh] [--for SECONDS] [--jobs K] [--simulated-seconds N] [--trace] [--no-faults] "
      "[--plant NAME]\nplants: %s\n",
      problem.c_str(), plant_names().c_str());
  std::exit(2);
}

std::uint64_t number(std::string_view flag, const char* text) {
  char* end = nullptr;
  const std::uint64_t value = text == nullptr ? 0 : std::strtoull(text, &end, 10);
  if (text == nullptr || *text == '\0' || *end != '\0') {
    usage(std::string{flag} + " wants a number");
  }
  return value;
}

SeedPlan parse(int argc, char** argv) {
  SeedPlan plan{.twice = 1, .again = "strandline_sim"};
  std::string shape;
  bool counted = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : nullptr;
    if (flag == "--seed" || flag == "--first") {
      plan.first = number(flag, value), ++i;
    } else if (flag == "--seeds") {
      plan.seeds = number(flag, value), ++i, counted = true;
    } else if (flag == "--fresh") {
      plan.first = static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch() /
                                              std::chrono::milliseconds{1});
    } else if (flag == "--for") {
      plan.seconds_max = static_cast<double>(number(flag, value)), ++i;
    } else if (flag == "--jobs") {
      plan.jobs = std::clamp(static_cast<int>(number(flag, value)), 1, 64), ++i;
    } else if (flag == "--simulated-seconds") {
      plan.run.seconds = static_cast<int>(number(flag, value)), ++i;
      shape += " --simulated-seconds " + std::to_string(plan.run.seconds);
    } else if (flag == "--plant") {
      if (value == nullptr || !take_plant(value)) usage("unknown plant");
      plan.again = "strandline_sim_planted";
      plan.until_found = true;
      plan.twice = 0;
      shape += " --plant " + std::string{value}, ++i;
    } else if (flag == "--trace") {
      plan.run.trace = true;
    } else if (flag == "--no-faults") {
      plan.run.faults = false;
      shape += " --no-faults";
    } else {
      usage("unknown argument " + std::string{flag});
    }
  }
  if (plan.seconds_max > 0 && !counted) plan.seeds = std::uint64_t{1} << 40;
  plan.again += shape;
  return plan;
}

void print(const SeedReport& report) {
  const std::uint64_t all = std::max<std::uint64_t>(1, report.passed + report.idle + report.failed);
  const auto each = [&](std::uint64_t sum) {
    return static_cast<double>(sum) / static_cast<double>(all);
  };
  const RunStats& s = report.stats;
  std::printf(
      "per seed: %.0f acknowledged (and %.0f with acks=1), %.1f faults, %.1f leader changes, %.1f "
      "controllers, %.1f starts, %.0f ms CPU\n",
      each(s.clients.acked), each(s.clients.acked_lax), each(s.faults.all()),
      each(s.leader_changes), each(s.controllers), each(s.starts),
      report.cpu_seconds * 1000 / static_cast<double>(all + report.repeated));
  std::printf(
      "  %.0f events, %.0f messages (%.1f lost, %.1f doubled, %.1f overtaken), %.1f connections "
      "broken, %.0f reads, %.0f words on time, %.1f timed out, %.1f refused, at rest after %.0f "
      "ms\n",
      each(s.events), each(s.network.messages), each(s.network.lost), each(s.network.doubled),
      each(s.network.overtaken), each(s.network.broken), each(s.clients.reads), each(s.statements),
      each(s.clients.timed_out), each(s.clients.refused), each(s.settled_ms));
  const FaultStats& f = s.faults;
  std::printf(
      "  faults: %.1f kills, %.1f power, %.1f stops, %.1f pauses, %.1f cuts, %.1f bad links, %.1f "
      "disks (%.1f ended a process), %.2f lost disks, %.1f clocks, %.1f reassignments\n",
      each(f.kills), each(f.power_cuts), each(f.stops), each(f.pauses), each(f.cuts),
      each(f.bad_links), each(f.disks), each(s.disk_failures), each(f.lost_disks), each(f.clocks),
      each(f.reassignments));
  std::printf("%lu run twice, %lu without enough happening to count\n", report.repeated,
              report.idle);
}

// One in twenty, where there are enough to tell. Shorter runs, and those without faults, are for
// looking at.
bool is_too_idle(const SeedPlan& plan, const SeedReport& report) {
  const bool is_full = plan.run.faults && plan.run.seconds >= RunOptions{}.seconds;
  return is_full && report.passed + report.idle >= 40 && report.idle * 20 > report.passed;
}

}  // namespace

int main(int argc, char** argv) {
  const SeedPlan plan = parse(argc, argv);
  std::printf("first seed: %lu\n", plan.first);
  SeedReport report = run_seeds(plan);
  print(report);
  if (plan.until_found) {
    const bool is_found = report.failed > 0;
    std::printf("%s after %lu seeds and %.1f s of CPU\n%d passed, %d failed\n",
                is_found ? "found" : "NOT FOUND", report.passed + report.idle + report.failed,
                report.cpu_seconds, is_found ? 1 : 0, is_found ? 0 : 1);
    return is_found ? 0 : 1;
  }
  if (is_too_idle(plan, report)) {
    std::printf("FAILED: too many seeds in which too little happens to show anything\n");
    ++report.failed;
  }
  std::printf("%lu passed, %lu failed\n", report.passed, report.failed);
  return report.failed == 0 ? 0 : 1;
}
