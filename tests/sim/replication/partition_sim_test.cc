#include <catch2/catch.hpp>

#include "tests/sim/replication/partition_run.h"

namespace strandline::partition_sim {
namespace {

TEST_CASE("partition simulation: the same seed gives the same run", "[sim]") {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const RunOutcome first = run_partition(seed, {});
    const RunOutcome second = run_partition(seed, {});
    CHECK(first.digest == second.digest);
    CHECK(first.violation == second.violation);
  }
  CHECK(run_partition(1, {}).digest != run_partition(2, {}).digest);
}

TEST_CASE("partition simulation: it does what it says", "[sim]") {
  ClusterStats all;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const RunOutcome outcome = run_partition(seed, {});
    INFO("seed " << seed << ": " << outcome.violation);
    CHECK(outcome.passed);
    all.add(outcome.stats);
  }
  CHECK(all.appends > 5000);
  CHECK(all.acknowledged > 3000);
  CHECK(all.refused > 100);
  CHECK(all.crashes > 500);
  CHECK(all.damages > 5);
  CHECK(all.cuts > 500);
  CHECK(all.terms > 300);
  CHECK(all.isr_changes > 300);
  CHECK(all.isr_refusals > 20);
  CHECK(all.truncations > 50);
  CHECK(all.restarts > 10);
  CHECK(all.broken_streams > 50);
  CHECK(all.file_reads > 300);
  CHECK(all.deletions > 20);
  CHECK(all.allowances > 300);
}

TEST_CASE("partition simulation: without faults nothing is refused or broken", "[sim]") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const RunOutcome outcome = run_partition(seed, {.faults = false});
    INFO("seed " << seed << ": " << outcome.violation);
    CHECK(outcome.passed);
    CHECK(outcome.stats.acknowledged > 50);
  }
}

// The first seed that finds the mistake, -1: none of the first `seeds` does.
int first_seed_that_finds(Plant plant, int seeds) {
  for (int seed = 0; seed < seeds; ++seed) {
    if (!run_partition(static_cast<std::uint64_t>(seed), {.plant = plant}).passed) return seed;
  }
  return -1;
}

TEST_CASE("partition simulation: finds a follower that says flushed before it is", "[sim]") {
  CHECK(first_seed_that_finds(Plant::ack_before_sync, 100) >= 0);
}

TEST_CASE("partition simulation: finds acknowledgements that wait for nobody", "[sim]") {
  CHECK(first_seed_that_finds(Plant::ack_on_append, 10) >= 0);
}

TEST_CASE("partition simulation: finds a follower that cuts to its high watermark", "[sim]") {
  CHECK(first_seed_that_finds(Plant::cut_to_high_watermark, 200) >= 0);
}

TEST_CASE("partition simulation: finds a follower that hides its epochs", "[sim]") {
  CHECK(first_seed_that_finds(Plant::hide_epochs, 200) >= 0);
}

TEST_CASE("partition simulation: finds a broker that goes on to lead after a restart", "[sim]") {
  CHECK(first_seed_that_finds(Plant::believe_old_image, 1000) >= 0);
}

TEST_CASE("partition simulation: finds a leader that shows readers too little", "[sim]") {
  CHECK(first_seed_that_finds(Plant::serve_readers_at_once, 400) >= 0);
}

TEST_CASE("partition simulation: finds an election of whoever is there", "[sim]") {
  CHECK(first_seed_that_finds(Plant::elect_anyone, 200) >= 0);
}

TEST_CASE("partition simulation: finds an ISR change that is compared with nothing", "[sim]") {
  CHECK(first_seed_that_finds(Plant::compare_nothing, 6000) >= 0);
}

TEST_CASE("partition simulation: finds leaders that are not counted", "[sim]") {
  CHECK(first_seed_that_finds(Plant::keep_leader_epoch, 50) >= 0);
}

TEST_CASE("partition simulation: finds a leader that goes by an old min.insync.replicas", "[sim]") {
  CHECK(first_seed_that_finds(Plant::hide_min_insync_replicas, 6000) >= 0);
}

TEST_CASE("partition simulation: finds acknowledgements of earlier streams", "[sim]") {
  CHECK(first_seed_that_finds(Plant::count_late_acks, 500) >= 0);
}

}  // namespace
}  // namespace strandline::partition_sim
