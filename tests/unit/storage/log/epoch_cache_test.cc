#include "storage/log/epoch_cache.h"

#include <catch2/catch.hpp>

namespace strandline {
namespace {

EpochStart at(std::int32_t epoch, std::int64_t start) {
  return {LeaderEpoch{epoch}, Offset{start}};
}

// Terms 1, 3 and 7 begin at 0, 10 and 20.
EpochCache three_terms() {
  EpochCache cache;
  cache.on_batch(LeaderEpoch{1}, Offset{0});
  cache.on_batch(LeaderEpoch{3}, Offset{10});
  cache.on_batch(LeaderEpoch{7}, Offset{20});
  return cache;
}

void check_end(const EpochCache& cache, std::int32_t asked, std::int32_t epoch, std::int64_t end) {
  const EpochEndOffset found = cache.end_of(LeaderEpoch{asked}, Offset{30});
  CHECK(found.epoch == LeaderEpoch{epoch});
  CHECK(found.end_offset == Offset{end});
}

TEST_CASE("EpochCache: a term begins with its first batch and an older one begins none",
          "[epochs]") {
  EpochCache cache = three_terms();
  cache.on_batch(LeaderEpoch{7}, Offset{25});
  cache.on_batch(LeaderEpoch{3}, Offset{28});
  CHECK(cache.starts() == std::vector{at(1, 0), at(3, 10), at(7, 20)});
  CHECK(cache.latest() == LeaderEpoch{7});
  CHECK(EpochCache{}.latest() == kNoLeaderEpoch);
}

TEST_CASE("EpochCache: a term ends where the next begins, the last at the log end", "[epochs]") {
  const EpochCache cache = three_terms();
  check_end(cache, 1, 1, 10);
  check_end(cache, 2, 1, 10);  // the largest at or below the one asked for
  check_end(cache, 3, 3, 20);
  check_end(cache, 7, 7, 30);
  check_end(cache, 99, 7, 30);
  check_end(cache, 0, -1, -1);
}

TEST_CASE("EpochCache: terms that begin at or beyond a cut are gone", "[epochs]") {
  EpochCache cache = three_terms();
  cache.cut_end(Offset{21});
  CHECK(cache.starts().size() == 3);
  cache.cut_end(Offset{20});
  CHECK(cache.starts() == std::vector{at(1, 0), at(3, 10)});
  cache.cut_end(Offset{0});
  CHECK(cache.starts().empty());
}

TEST_CASE("EpochCache: the term that spans a new log start begins there", "[epochs]") {
  EpochCache cache = three_terms();
  cache.cut_start(Offset{12});
  CHECK(cache.starts() == std::vector{at(3, 12), at(7, 20)});
  cache.cut_start(Offset{20});
  CHECK(cache.starts() == std::vector{at(7, 20)});
  cache.cut_start(Offset{30});  // the newest term stays known when all its records are gone
  CHECK(cache.starts() == std::vector{at(7, 30)});
}

}  // namespace
}  // namespace strandline
