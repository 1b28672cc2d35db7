#include "tests/sim/search/search.h"

#include <catch2/catch.hpp>

namespace strandline::partition_search {
namespace {

using partition_sim::Plant;

TEST_CASE("search: one record and no crash: everything that can happen is looked at", "[search]") {
  const SearchResult result = search({.records = 1, .crashes = 0});
  INFO(result.violation);
  CHECK(result.complete);
  CHECK(result.violation.empty());
  CHECK(result.states > 20);
  CHECK(result.rests == 2);  // before the record, and with it
}

TEST_CASE("search: more may happen than is allowed", "[search]") {
  const SearchResult result = search({}, 100);
  CHECK_FALSE(result.complete);
  CHECK(result.states == 100);
}

// All that can be seen and come out is seen and comes out also when what makes no difference is
// left out.
void check_same(Bounds bounds) {
  bounds.watches = true;
  bounds.reduces = false;
  const SearchResult all = search(bounds);
  bounds.reduces = true;
  const SearchResult reduced = search(bounds);
  INFO(all.violation << reduced.violation);
  CHECK(all.complete);
  CHECK(reduced.complete);
  CHECK((reduced.outcomes == all.outcomes));
  CHECK((reduced.seen == all.seen));
  CHECK_FALSE(all.seen.empty());
  CHECK(reduced.states < all.states);
}

TEST_CASE("search: what a crash can lead to is seen also when less is searched", "[search]") {
  check_same({.records = 0});
}

TEST_CASE("search: what a record and a kill can lead to is seen also when less is searched",
          "[search]") {
  check_same({.records = 1, .power_losses = 0});
}

TEST_CASE("search: what a reassignment can lead to is seen also when less is searched",
          "[search]") {
  check_same({.records = 0, .crashes = 0, .reassignments = 1});
}

TEST_CASE("search: what a record and a fencing can lead to is seen also when less is searched",
          "[search]") {
  check_same({.records = 1, .crashes = 0, .fencings = 1});
}

// With one crash and, where that is not enough, another record or one fencing of a broker that
// lives.
void check_finds(Plant plant, Bounds bounds) {
  bounds.plant = plant;
  const SearchResult result = search(bounds, 3'000'000);
  CHECK_FALSE(result.violation.empty());
  CHECK_FALSE(result.way.empty());
}

// What is too much for the search of everything is left to the reduced one.
void check_both_find(Plant plant) {
  check_finds(plant, {.records = 1});
  check_finds(plant, {.records = 1, .reduces = false});
}

TEST_CASE("search: finds a follower that says flushed before it is", "[search]") {
  check_both_find(Plant::ack_before_sync);
}

TEST_CASE("search: finds acknowledgements that wait for nobody", "[search]") {
  check_both_find(Plant::ack_on_append);
}

TEST_CASE("search: finds a follower that cuts to its high watermark", "[search]") {
  check_both_find(Plant::cut_to_high_watermark);
}

TEST_CASE("search: finds a controller that elects anyone", "[search]") {
  check_finds(Plant::elect_anyone, {.records = 1, .fencings = 1});
}

TEST_CASE("search: finds a controller that does not count leaders", "[search]") {
  check_both_find(Plant::keep_leader_epoch);
}

TEST_CASE("search: finds a leader that shows readers too little", "[search]") {
  check_both_find(Plant::serve_readers_at_once);
}

TEST_CASE("search: finds a follower that shows one epoch for all it has", "[search]") {
  check_finds(Plant::hide_epochs, {.records = 2});
}

}  // namespace
}  // namespace strandline::partition_search
