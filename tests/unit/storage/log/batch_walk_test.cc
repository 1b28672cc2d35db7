#include "storage/log/batch_walk.h"

#include "tests/unit/storage/log/log_harness.h"

namespace strandline {
namespace {

// Batches in one file, from offset 0 on.
struct WalkHarness {
  WalkHarness() { file = disk.open("x", OpenMode::create_new).value(); }
  void add(BatchSpec spec) {
    spec.base_offset = next_offset;
    const auto batch = make_batch(spec);
    positions.push_back(end);
    REQUIRE(file->write_at(end, batch).has_value());
    end += batch.size();
    next_offset += static_cast<std::int64_t>(spec.times.size());
  }
  void flip(std::uint64_t position) {
    std::byte byte{};
    REQUIRE(file->read_at(position, {&byte, 1}).has_value());
    byte ^= std::byte{4};
    REQUIRE(file->write_at(position, {&byte, 1}).has_value());
  }
  BatchWalk walk(bool checks = true) {
    BatchWalk made{file, {.end = end, .offset = Offset{0}}, ReadMode::blocking};
    if (checks) made.check_checksums();
    return made;
  }
  // How many good batches come before the damage, which has to come.
  int good_before_damage(BatchWalk& walk) const {
    for (int good = 0;; ++good) {
      const auto more = walk.next();
      if (!more) {
        CHECK(more.error() == Errc::corrupt_batch);
        CHECK(walk.damage().file == "x");
        CHECK(walk.damage().position == positions[static_cast<std::size_t>(good)]);
        CHECK(walk.damage().offset == walk.next_offset());
        return good;
      }
      REQUIRE(more.value());
    }
  }

  SimDisk disk{1};
  std::shared_ptr<File> file;
  std::vector<std::uint64_t> positions;
  std::uint64_t end = 0;
  std::int64_t next_offset = 0;
};

TEST_CASE("BatchWalk: every batch is met once, with its place", "[walk]") {
  WalkHarness t;
  // Sizes around the walk's windows of 4 KiB and 256 KiB.
  for (const std::size_t bytes : {0U, 10U, 4000U, 4096U, 5000U, 300'000U, 1U, 262'144U}) {
    t.add(records(2, bytes / 2));
  }
  for (const bool checks : {false, true}) {
    BatchWalk walk = t.walk(checks);
    for (std::size_t i = 0; i < t.positions.size(); ++i) {
      REQUIRE(walk.next().value());
      CHECK(walk.position() == t.positions[i]);
      CHECK(walk.header().base_offset.value() == static_cast<std::int64_t>(i) * 2);
      const ByteView whole = walk.batch().value();
      CHECK(whole.size() == walk.header().size_bytes());
      CHECK(batch_crc_matches(whole));
    }
    CHECK_FALSE(walk.next().value());
    CHECK(walk.end_position() == t.end);
    CHECK(walk.next_offset() == Offset{t.next_offset});
  }
}

TEST_CASE("BatchWalk: a flipped bit is found by its checksum, however large the batch", "[walk]") {
  for (const std::size_t bytes : {10U, 300'000U}) {
    WalkHarness t;
    t.add({});
    t.add({.value_bytes = bytes});
    t.add({});
    t.flip(t.positions[2] - 1);
    BatchWalk headers = t.walk(false);
    for (int i = 0; i < 3; ++i) CHECK(headers.next().value());
    BatchWalk walk = t.walk();
    CHECK(t.good_before_damage(walk) == 1);
    CHECK(walk.end_position() == t.positions[1]);
    CHECK(walk.next_offset() == Offset{1});
  }
}

TEST_CASE("BatchWalk: offsets that do not join up are damage", "[walk]") {
  WalkHarness t;
  t.add({});
  t.next_offset = 5;
  t.add({});
  BatchWalk walk = t.walk(false);
  CHECK(t.good_before_damage(walk) == 1);
  CHECK(walk.damage().expected == "base offset 1");
  CHECK(walk.damage().found == "5");
}

TEST_CASE("BatchWalk: a first batch of any offset has to lie within the segment", "[walk]") {
  WalkHarness t;
  t.next_offset = 3;
  t.add({});
  BatchWalk any{t.file, {.end = t.end}, ReadMode::blocking};
  CHECK(any.next().value());
  BatchWalk above{t.file, {.end = t.end, .offset_min = Offset{4}}, ReadMode::blocking};
  CHECK(t.good_before_damage(above) == 0);
}

TEST_CASE("BatchWalk: a leader epoch that falls is damage", "[walk]") {
  WalkHarness t;
  t.add({.leader_epoch = 4});
  t.add({.leader_epoch = 4});
  t.add({.leader_epoch = 3});
  BatchWalk walk = t.walk(false);
  CHECK(t.good_before_damage(walk) == 2);
}

TEST_CASE("BatchWalk: an end inside a header or a batch is damage, and so are zeros", "[walk]") {
  for (const std::uint64_t rest : {1U, 60U, 61U, 100U}) {
    WalkHarness t;
    t.add({});
    t.add({});
    t.end = t.positions[1] + rest;
    BatchWalk walk = t.walk();
    CHECK(t.good_before_damage(walk) == 1);
  }
  WalkHarness zeros;
  zeros.add({});
  zeros.positions.push_back(zeros.end);
  zeros.end += 5000;
  REQUIRE(zeros.file->truncate(zeros.end).has_value());
  BatchWalk walk = zeros.walk();
  CHECK(zeros.good_before_damage(walk) == 1);
}

TEST_CASE("BatchWalk: a file shorter than it was said to be is damage", "[walk]") {
  for (const bool checks : {false, true}) {
    for (const std::uint64_t rest : {0U, 30U, 61U, 100U}) {
      WalkHarness t;
      t.add({});
      t.add({});
      REQUIRE(t.file->truncate(t.positions[1] + rest).has_value());
      BatchWalk walk = t.walk(checks);
      REQUIRE(walk.next().value());
      const auto more = walk.next();
      const bool told = more.has_error() && more.error() == Errc::corrupt_batch;
      // Without checksums the whole header is all that is looked at; its bytes tell later.
      const bool later = !checks && rest >= 61 && walk.batch().has_error();
      CHECK((told || later));
    }
  }
}

TEST_CASE("BatchWalk: without waiting it says so when bytes are not in memory", "[walk]") {
  WalkHarness t;
  t.add({});
  REQUIRE(t.file->sync().has_value());
  t.file->drop_cache(0, t.end);
  BatchWalk walk{t.file, {.end = t.end, .offset = Offset{0}}, ReadMode::nowait};
  CHECK(walk.next().error() == Errc::would_block);
  BatchWalk waits = t.walk();
  CHECK(waits.next().value());
  BatchWalk again{t.file, {.end = t.end, .offset = Offset{0}}, ReadMode::nowait};
  CHECK(again.next().value());
}

}  // namespace
}  // namespace strandline
