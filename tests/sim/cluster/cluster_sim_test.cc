#include <catch2/catch.hpp>

#include "tests/sim/cluster/run.h"
#include "tests/sim/cluster/time_checker.h"
#include "tests/sim/cluster/world.h"

namespace strandline::cluster_sim {
namespace {

Instant at_ms(std::int64_t ms) { return Instant{std::chrono::milliseconds{ms}}; }

TEST_CASE("cluster simulation: the same seed gives the same run", "[sim]") {
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    const RunOutcome first = run_cluster(seed, {.seconds = 10});
    const RunOutcome second = run_cluster(seed, {.seconds = 10});
    CHECK(first.digest == second.digest);
    CHECK(first.violation == second.violation);
  }
  CHECK(run_cluster(1, {.seconds = 10}).digest != run_cluster(2, {.seconds = 10}).digest);
}

TEST_CASE("cluster simulation: it does what it says", "[sim]") {
  RunStats all;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const RunOutcome outcome = run_cluster(seed, {.seconds = 30});
    INFO("seed " << seed << ": " << outcome.violation);
    CHECK(outcome.passed);
    all.add(outcome.stats);
  }
  CHECK(all.leader_changes > 100);
  CHECK(all.controllers > 100);
  CHECK(all.disk_failures > 10);
  CHECK(all.clients.acked > 30'000);
  CHECK(all.clients.acked_lax > 5000);
  CHECK(all.clients.reads > 10'000);
  CHECK(all.statements > 1000);
  CHECK(all.faults.kills > 30);
  CHECK(all.faults.power_cuts > 50);
  CHECK(all.faults.pauses > 10);
  CHECK(all.faults.cuts > 50);
  CHECK(all.faults.disks > 50);
  CHECK(all.faults.lost_disks > 2);
  CHECK(all.faults.clocks > 10);
  CHECK(all.faults.reassignments > 20);
  CHECK(all.network.lost > 1000);
  CHECK(all.network.doubled > 1000);
  CHECK(all.network.overtaken > 1000);
}

TEST_CASE("cluster simulation: a host's clocks drift and jump, and its past is known", "[sim]") {
  World world{1, 1, false};
  Host& host = world.host(1);
  const Timestamp before = world.wall_of(host);
  CHECK(world.when_wall_was(host, before) == at_ms(1000));
  world.run_next(at_ms(3000));
  world.set_drift(host, 0.5);
  world.run_next(at_ms(5000));
  CHECK(world.wall_of(host).value() - before.value() == 3000);
  CHECK(world.when_wall_was(host, Timestamp{before.value() + 2500}) == at_ms(4000));
  world.jump_wall(host, 60'000);
  CHECK(world.wall_of(host).value() - before.value() == 63'000);
  CHECK_FALSE(world.when_wall_was(host, Timestamp{before.value() + 10'000}).has_value());
  world.jump_wall(host, -61'000);
  // Shown twice: the first time counts.
  CHECK(world.when_wall_was(host, Timestamp{before.value() + 2500}) == at_ms(4000));
}

TEST_CASE("cluster simulation: a word on time holds for what was appended later", "[sim]") {
  TimeChecker checker;
  checker.on_appended(LeaderEpoch{1}, Offset{5}, at_ms(100));
  checker.on_committed(LeaderEpoch{1}, Offset{0});
  checker.on_statement(Offset{5}, at_ms(150));
  checker.on_appended(LeaderEpoch{1}, Offset{6}, at_ms(150));
  checker.on_committed(LeaderEpoch{1}, Offset{5});
  CHECK_NOTHROW(checker.on_statement(Offset{6}, at_ms(140)));
  checker.on_appended(LeaderEpoch{2}, Offset{8}, at_ms(160));
  CHECK_NOTHROW(checker.on_committed(LeaderEpoch{2}, Offset{6}));
}

TEST_CASE("cluster simulation: a word on time that comes true too late is found", "[sim]") {
  TimeChecker checker;
  checker.on_appended(LeaderEpoch{2}, Offset{5}, at_ms(100));
  SECTION("before the record is committed") {
    checker.on_statement(Offset{0}, at_ms(101));
    CHECK_THROWS_AS(checker.on_committed(LeaderEpoch{2}, Offset{0}), Violation);
  }
  SECTION("and after") {
    checker.on_committed(LeaderEpoch{2}, Offset{0});
    CHECK_THROWS_AS(checker.on_statement(Offset{0}, at_ms(101)), Violation);
  }
  SECTION("behind a later word of less") {
    checker.on_statement(Offset{0}, at_ms(101));
    checker.on_statement(Offset{0}, at_ms(50));
    CHECK_THROWS_AS(checker.on_committed(LeaderEpoch{2}, Offset{0}), Violation);
  }
}

}  // namespace
}  // namespace strandline::cluster_sim
