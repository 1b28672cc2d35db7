#include <catch2/catch.hpp>
#include <set>

#include "tests/unit/broker/partition/partition_harness.h"

namespace strandline {
namespace {

constexpr std::int64_t kSegmentMs = 1'000'000;

// Whether the first segment of a new log in `directory` rolls when its first record is that old.
bool rolls_at(const std::string& directory, std::int64_t jitter_ms, std::int64_t age_ms) {
  SimDisk disk{1};
  NoDamage damage;
  const LogConfig config{.segment_ms = kSegmentMs, .segment_jitter_ms = jitter_ms};
  REQUIRE(disk.create_directories(directory).has_value());
  auto log =
      PartitionLog::open(disk, directory, config, RecoveryPoint{}, Timestamp{0}, damage).value();
  for (const std::int64_t at : {std::int64_t{0}, age_ms}) {
    std::vector<std::byte> batch = make_batch({});
    const auto header = parse_batch(batch).value();
    REQUIRE(log->append_as_leader(batch, header, LeaderEpoch{0}, Timestamp{at}).has_value());
  }
  return log->segment_count() == 2;
}

// The least age at which it rolls, by halving.
std::int64_t age_of_roll(const std::string& directory, std::int64_t jitter_ms) {
  std::int64_t low = -1;  // it stays
  std::int64_t high = kSegmentMs;
  REQUIRE(rolls_at(directory, jitter_ms, high));
  while (high - low > 1) {
    const std::int64_t middle = (low + high) / 2;
    (rolls_at(directory, jitter_ms, middle) ? high : low) = middle;
  }
  return high;
}

}  // namespace

TEST_CASE("PartitionLog: segment.jitter.ms makes segments roll earlier, each at an age of its own",
          "[log]") {
  CHECK(age_of_roll("t-0", 0) == kSegmentMs);
  std::set<std::int64_t> ages;
  for (int i = 0; i < 10; ++i) {
    const std::string directory = "t-" + std::to_string(i);
    const std::int64_t age = age_of_roll(directory, kSegmentMs / 10);
    CHECK(age <= kSegmentMs);
    CHECK(age > kSegmentMs - kSegmentMs / 10);
    CHECK(age_of_roll(directory, kSegmentMs / 10) == age);  // the same after a restart
    ages.insert(age);
  }
  CHECK(ages.size() == 10);
}

TEST_CASE(
    "PartitionLog: a jitter beyond segment.ms never makes a segment roll before it has a record",
    "[log]") {
  const std::int64_t age = age_of_roll("t-0", kConfigUnlimited);
  CHECK(age > 0);
  CHECK(age <= kSegmentMs);
}

TEST_CASE("PartitionLog: with preallocate a segment takes its room when it is made", "[log]") {
  SimDisk disk{1};
  NoDamage damage;
  REQUIRE(disk.create_directories("t-0").has_value());
  const LogConfig config{.segment_bytes = 1 << 20, .preallocate = true};
  auto log = PartitionLog::open(disk, "t-0", config, RecoveryPoint{}, Timestamp{0}, damage).value();
  CHECK(disk.count(DiskCall::allocate) == 1);
  // A disk that has no room for it is no reason to refuse a record that fits.
  disk.plan({.call = DiskCall::allocate, .repeat = 100});
  for (int i = 0; i < 3; ++i) {
    std::vector<std::byte> batch = make_batch({.value_bytes = 600 * 1024});
    const auto header = parse_batch(batch).value();
    REQUIRE(log->append_as_leader(batch, header, LeaderEpoch{0}, Timestamp{0}).has_value());
  }
  CHECK(log->segment_count() == 3);
  CHECK(disk.count(DiskCall::allocate) == 3);
}

}  // namespace strandline
