#include <catch2/catch.hpp>

#include "tests/sim/storage/crash_points.h"
#include "tests/sim/storage/log_run.h"

namespace strandline::sim {
namespace {

TEST_CASE("storage simulation: the same seed gives the same run", "[sim]") {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const RunOutcome first = run_log(seed, {});
    const RunOutcome second = run_log(seed, {});
    CHECK(first.digest == second.digest);
    CHECK(first.violation == second.violation);
  }
  CHECK(run_log(1, {}).digest != run_log(2, {}).digest);
}

TEST_CASE("storage simulation: it does what it says", "[sim]") {
  WorldStats all;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const RunOutcome outcome = run_log(seed, {});
    INFO("seed " << seed << ": " << outcome.violation);
    CHECK(outcome.passed);
    all.add(outcome.stats);
  }
  CHECK(all.appends > 2000);
  CHECK(all.duplicates > 100);
  CHECK(all.rolls > 50);
  CHECK(all.crashes > 200);
  CHECK(all.crashes_in_recovery > 5);
  CHECK(all.cuts > 20);
  CHECK(all.truncations > 20);
  CHECK(all.dropped_segments > 20);
  CHECK(all.reads > 200);
}

// How many of the first seeds find the mistake.
int seeds_that_find(Plant plant, std::uint64_t seeds) {
  int found = 0;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    if (!run_log(seed, {.plant = plant}).passed) ++found;
  }
  return found;
}

TEST_CASE("storage simulation: finds an acknowledgement before the sync", "[sim]") {
  CHECK(seeds_that_find(Plant::ack_before_sync, 100) > 10);
}

TEST_CASE("storage simulation: finds a disk that lies about syncs", "[sim]") {
  CHECK(seeds_that_find(Plant::sync_lies, 100) > 10);
}

TEST_CASE("storage simulation: finds names that are never made durable", "[sim]") {
  CHECK(seeds_that_find(Plant::directory_sync_lies, 100) > 10);
}

TEST_CASE("storage simulation: finds producer state that a restart forgets", "[sim]") {
  CHECK(seeds_that_find(Plant::forget_producers, 100) > 5);
}

TEST_CASE("storage simulation: finds a sync that is tried again after it failed", "[sim]") {
  CHECK(seeds_that_find(Plant::sync_again_after_failure, 400) > 0);
}

TEST_CASE("storage: a crash at any change of the disk loses nothing", "[sim][crash]") {
  for (const CrashScenario& scenario : crash_scenarios()) {
    DYNAMIC_SECTION(scenario.name) {
      const CrashPointResult result = enumerate_crash_points(scenario, 3);
      for (const auto& violation : result.violations) UNSCOPED_INFO(violation);
      CHECK(result.violations.empty());
      CHECK(result.points >= 12);
    }
  }
}

}  // namespace
}  // namespace strandline::sim
