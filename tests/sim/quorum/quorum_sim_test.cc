#include <catch2/catch.hpp>

#include "tests/sim/quorum/run.h"

namespace strandline::sim::quorum {
namespace {

TEST_CASE("quorum simulation: the same seed gives the same run", "[sim]") {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    CHECK(run_quorum(seed, {}).digest == run_quorum(seed, {}).digest);
  }
  CHECK(run_quorum(1, {}).digest != run_quorum(2, {}).digest);
}

TEST_CASE("quorum simulation: it does what it says", "[sim]") {
  Stats all;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const RunOutcome outcome = run_quorum(seed, {});
    INFO("seed " << seed << ": " << outcome.violation);
    CHECK(outcome.passed);
    all.add(outcome.stats);
  }
  CHECK(all.commits > 5000);
  CHECK(all.leaders > 1000);
  CHECK(all.crashes > 1000);
  CHECK(all.truncations > 20);
  CHECK(all.snapshots > 100);
  CHECK(all.installs > 20);
  CHECK(all.voter_changes > 100);
  CHECK(all.transfers > 50);
  CHECK(all.damages > 20);
  CHECK(all.wipes > 20);
}

bool finds(Plant plant, std::uint64_t seeds) {
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    if (!run_quorum(seed, {.plant = plant}).passed) return true;
  }
  return false;
}

TEST_CASE("quorum simulation: finds a vote that a crash forgets", "[sim]") {
  CHECK(finds(Plant::vote_not_durable, 6000));
}

TEST_CASE("quorum simulation: finds an acknowledgement before the sync", "[sim]") {
  CHECK(finds(Plant::sync_lies, 6000));
}

TEST_CASE("quorum simulation: finds a replica that does not say what it lost", "[sim]") {
  CHECK(finds(Plant::damage_not_told, 6000));
}

TEST_CASE("quorum simulation: finds a wiped replica that votes as before", "[sim]") {
  CHECK(finds(Plant::wiped_keeps_identity, 6000));
}

}  // namespace
}  // namespace strandline::sim::quorum
