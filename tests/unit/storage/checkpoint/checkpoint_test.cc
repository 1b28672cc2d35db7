#include "storage/checkpoint/checkpoint.h"

#include <catch2/catch.hpp>
#include <set>

#include "protocol/base/errc.h"
#include "protocol/base/hash.h"
#include "protocol/base/prng.h"
#include "storage/checkpoint/checkpoint_slot.h"
#include "storage/io/sim_disk.h"

namespace strandline {
namespace {

using Source = CheckpointReport::Source;

PartitionKey key_of(int partition) {
  PartitionKey key;
  key.topic_id.bytes[15] = std::byte{1};
  key.partition = PartitionIndex{partition};
  return key;
}

PartitionCheckpoint state_of(std::int64_t flushed_end) {
  return {.flushed_end = Offset{flushed_end},
          .log_start = Offset{1},
          .high_watermark = Offset{flushed_end - 1},
          .producer_state_offset = Offset{2},
          .epochs = {{LeaderEpoch{0}, Offset{0}}, {LeaderEpoch{4}, Offset{3}}}};
}

struct CheckpointHarness {
  void open(std::uint64_t journal_bytes_min = 1 << 20) {
    checkpoint.reset();
    checkpoint = Checkpoint::open(disk, {.journal_bytes_min = journal_bytes_min}, report).value();
  }
  void power_loss() {
    checkpoint.reset();
    disk.crash(CrashModel::power_loss());
  }
  std::int64_t flushed_end(int partition) const {
    const auto found = checkpoint->find(key_of(partition));
    return found.has_value() ? found->flushed_end.value() : -1;
  }
  SimDisk disk{1};
  CheckpointReport report;
  std::unique_ptr<Checkpoint> checkpoint;
};

TEST_CASE("Checkpoint: what was written comes back after a power loss, what was only put does not",
          "[checkpoint]") {
  CheckpointHarness t;
  t.open();
  CHECK(t.report.source == Source::fresh);
  CHECK(t.report.complaints.empty());
  t.checkpoint->put(key_of(0), state_of(10));
  t.checkpoint->put(key_of(1), state_of(20));
  REQUIRE(t.checkpoint->write().has_value());
  t.checkpoint->put(key_of(0), state_of(11));
  REQUIRE(t.checkpoint->write().has_value());
  t.checkpoint->put(key_of(1), state_of(99));
  t.power_loss();
  t.open();
  CHECK(t.report.source == Source::newest);
  CHECK(t.checkpoint->find(key_of(0)) == state_of(11));
  CHECK(t.checkpoint->find(key_of(1)) == state_of(20));
  CHECK(t.checkpoint->partitions() == std::vector<PartitionKey>{key_of(0), key_of(1)});
}

TEST_CASE("Checkpoint: what a failed sync left in the cache is made durable before it counts",
          "[checkpoint]") {
  CheckpointHarness t;
  t.open();
  t.checkpoint->put(key_of(0), state_of(10));
  t.disk.plan({.call = DiskCall::sync});
  CHECK(t.checkpoint->write().has_error());
  t.open();  // a new process, which finds it
  REQUIRE(t.checkpoint->find(key_of(0)) == state_of(10));
  t.checkpoint->put(key_of(0), state_of(10));
  REQUIRE(t.checkpoint->write().has_value());
  t.power_loss();
  t.open();
  CHECK(t.checkpoint->find(key_of(0)) == state_of(10));
}

TEST_CASE("Checkpoint: sync after sync may fail, and an older slot still counts", "[checkpoint]") {
  CheckpointHarness t;
  t.open();
  t.checkpoint->put(key_of(0), state_of(10));
  REQUIRE(t.checkpoint->write().has_value());
  for (int life = 0; life < 4; ++life) {
    t.open();
    t.checkpoint->put(key_of(0), state_of(20 + life));
    t.disk.plan({.call = DiskCall::sync, .nth = 2});  // of the slot it goes on in
    CHECK(t.checkpoint->write().has_error());
    t.disk.clear_faults();
  }
  t.power_loss();
  t.open();
  // Of the life before the last at least: the last one wrote it again first. A failed sync may have
  // written more.
  CHECK(t.flushed_end(0) >= 22);
}

TEST_CASE("Checkpoint: a removed partition stays removed", "[checkpoint]") {
  CheckpointHarness t;
  t.open();
  t.checkpoint->put(key_of(0), state_of(10));
  REQUIRE(t.checkpoint->write().has_value());
  t.checkpoint->remove(key_of(0));
  CHECK(t.checkpoint->find(key_of(0)) == std::nullopt);
  REQUIRE(t.checkpoint->write().has_value());
  t.power_loss();
  t.open();
  CHECK(t.checkpoint->partitions().empty());
}

TEST_CASE("Checkpoint: a round writes only what changed", "[checkpoint]") {
  CheckpointHarness t;
  t.open();
  for (int i = 0; i < 10'000; ++i) t.checkpoint->put(key_of(i), state_of(i + 1));
  REQUIRE(t.checkpoint->write().has_value());
  const std::uint64_t image = t.checkpoint->bytes_written();
  CHECK(image < 600'000);
  const std::uint64_t syncs = t.disk.count(DiskCall::sync);
  t.checkpoint->put(key_of(5), state_of(1000));
  REQUIRE(t.checkpoint->write().has_value());
  CHECK(t.checkpoint->bytes_written() - image < 100);
  CHECK(t.disk.count(DiskCall::sync) == syncs + 1);
  t.checkpoint->put(key_of(5), state_of(1000));
  REQUIRE(t.checkpoint->write().has_value());  // nothing new: no write, no sync
  CHECK(t.disk.count(DiskCall::sync) == syncs + 1);
}

TEST_CASE("Checkpoint: a long journal becomes a new image in the other slot", "[checkpoint]") {
  CheckpointHarness t;
  t.open(1000);
  for (std::int64_t round = 1; round <= 500; ++round) {
    t.checkpoint->put(key_of(static_cast<int>(round % 7)), state_of(round + 10));
    REQUIRE(t.checkpoint->write().has_value());
  }
  CHECK(t.disk.used_bytes() < 5000);
  t.power_loss();
  t.open();
  CHECK(t.report.source == Source::newest);
  CHECK(t.flushed_end(500 % 7) == 510);
  CHECK(t.flushed_end(499 % 7) == 509);
}

TEST_CASE("Checkpoint: a damaged newest slot is reported and the other one is used",
          "[checkpoint]") {
  CheckpointHarness t;
  t.open();
  t.checkpoint->put(key_of(0), state_of(10));
  REQUIRE(t.checkpoint->write().has_value());  // slot 0
  t.open();
  t.checkpoint->put(key_of(0), state_of(20));
  REQUIRE(t.checkpoint->write().has_value());  // slot 1
  for (const std::uint64_t position : {3, 12, 17, 35, 60}) {
    REQUIRE(t.disk.flip_bit("checkpoint.1", position, 2, true));
    t.open();
    CHECK(t.report.source == Source::older);
    REQUIRE(t.report.complaints.size() == 1);
    CHECK(t.report.complaints[0].find("checkpoint.1") != std::string::npos);
    CHECK(t.flushed_end(0) == 10);
    REQUIRE(t.disk.flip_bit("checkpoint.1", position, 2, true));
  }
  REQUIRE(t.disk.flip_bit("checkpoint.1", 3, 2, true));
  t.open();
  t.checkpoint->put(key_of(0), state_of(30));
  REQUIRE(t.checkpoint->write().has_value());  // over the damaged one
  t.open();
  CHECK(t.report.source == Source::newest);
  CHECK(t.flushed_end(0) == 30);
}

TEST_CASE("Checkpoint: with both slots damaged there is none, and that is said", "[checkpoint]") {
  CheckpointHarness t;
  for (const std::int64_t end : {10, 20}) {
    t.open();
    t.checkpoint->put(key_of(0), state_of(end));
    REQUIRE(t.checkpoint->write().has_value());
  }
  REQUIRE(t.disk.flip_bit("checkpoint.0", 40, 0, true));
  REQUIRE(t.disk.flip_bit("checkpoint.1", 40, 0, true));
  t.open();
  CHECK(t.report.source == Source::none);
  CHECK(t.report.complaints.size() == 3);
  CHECK(t.checkpoint->partitions().empty());
}

TEST_CASE("Checkpoint: damage in the journal ends it there and is reported", "[checkpoint]") {
  CheckpointHarness t;
  t.open();
  t.checkpoint->put(key_of(0), state_of(10));
  REQUIRE(t.checkpoint->write().has_value());
  const std::uint64_t image_end = t.checkpoint->bytes_written();
  for (const std::int64_t end : {11, 12}) {
    t.checkpoint->put(key_of(0), state_of(end));
    REQUIRE(t.checkpoint->write().has_value());
  }
  REQUIRE(t.disk.flip_bit("checkpoint.0", image_end + 20, 0, true));
  t.open();
  CHECK(t.flushed_end(0) == 10);
  REQUIRE(t.report.complaints.size() == 1);
  CHECK(t.report.complaints[0].find("position " + std::to_string(image_end)) != std::string::npos);
}

TEST_CASE("Checkpoint: a slot of a newer version is refused rather than overwritten",
          "[checkpoint]") {
  CheckpointHarness t;
  auto header = encode_slot_header(1, 0);
  store_be<std::uint16_t>(&header[4], 2);
  store_be<std::uint64_t>(&header[24], xxh3(ByteView{header}.first(24)));
  auto file = t.disk.open("checkpoint.0", OpenMode::create_new).value();
  REQUIRE(file->write_at(0, header).has_value());
  CHECK(Checkpoint::open(t.disk, t.report).error() == Errc::unsupported_format);
}

TEST_CASE("Checkpoint: after a failed sync nothing is written any more", "[checkpoint]") {
  CheckpointHarness t;
  t.open();
  t.checkpoint->put(key_of(0), state_of(10));
  t.disk.plan({.call = DiskCall::sync, .nth = 1});
  CHECK(t.checkpoint->write().has_error());
  const std::uint64_t writes = t.disk.count(DiskCall::write);
  t.checkpoint->put(key_of(0), state_of(20));
  CHECK(t.checkpoint->write().has_error());
  CHECK(t.disk.count(DiskCall::write) == writes);
}

TEST_CASE("Checkpoint: what finds no room is written when there is some, also after a start",
          "[checkpoint]") {
  CheckpointHarness t;
  t.open();
  t.checkpoint->put(key_of(0), state_of(10));
  REQUIRE(t.checkpoint->write().has_value());
  t.open();
  t.checkpoint->put(key_of(0), state_of(20));
  t.disk.set_capacity(t.disk.used_bytes());  // enough to write again what was read, and no more
  const auto written = t.checkpoint->write();
  REQUIRE(written.has_error());
  CHECK(is_out_of_room(written.error()));
  t.disk.set_capacity(SimDisk::kUnlimited);
  REQUIRE(t.checkpoint->write().has_value());
  t.power_loss();
  t.open();
  CHECK(t.flushed_end(0) == 20);
}

TEST_CASE("Checkpoint: a sync that finds no room has failed for good", "[checkpoint]") {
  CheckpointHarness t;
  t.open();
  t.checkpoint->put(key_of(0), state_of(10));
  t.disk.plan({.call = DiskCall::sync, .error = ENOSPC});
  for (int i = 0; i < 2; ++i) {
    const auto written = t.checkpoint->write();
    REQUIRE(written.has_error());
    CHECK_FALSE(is_out_of_room(written.error()));
  }
}

// One life of a checkpoint until the given disk call; returns the rounds that were finished.
int rounds_until_crash(SimDisk& disk, int crash_at) {
  int calls = 0;
  disk.on_operation([&](DiskCall, const std::string&) {
    if (++calls == crash_at) throw CrashNow{};
  });
  int finished = 0;
  try {
    CheckpointReport report;
    auto checkpoint = Checkpoint::open(disk, {.journal_bytes_min = 200}, report).value();
    for (int round = 1; round <= 12; ++round) {
      checkpoint->put(key_of(0), state_of(100 + round));
      checkpoint->put(key_of(round), state_of(round));
      const auto written = checkpoint->write();  // outside REQUIRE, which would catch CrashNow
      REQUIRE(written.has_value());
      finished = round;
    }
  } catch (const CrashNow&) {
    REQUIRE(calls >= crash_at);
  }
  disk.on_operation(nullptr);
  return finished;
}

TEST_CASE("Checkpoint: a crash at any disk call loses no finished round", "[checkpoint][crash]") {
  int crash_points = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    for (int crash_at = 1;; ++crash_at) {
      SimDisk disk{seed * 1000 + static_cast<std::uint64_t>(crash_at)};
      const int finished = rounds_until_crash(disk, crash_at);
      disk.crash(seed % 2 == 0 ? CrashModel::power_loss() : CrashModel::power_loss_torn());
      CheckpointReport report;
      const auto after = Checkpoint::open(disk, report).value();
      const auto first = after->find(key_of(0));
      const std::int64_t read = first.has_value() ? first->flushed_end.value() - 100 : 0;
      REQUIRE(read >= finished);
      REQUIRE(read <= finished + 1);
      // A round is there as a whole or not at all.
      REQUIRE(after->partitions().size() == static_cast<std::size_t>(read == 0 ? 0 : read + 1));
      ++crash_points;
      if (finished == 12) break;
    }
  }
  CHECK(crash_points > 20 * 30);
}

TEST_CASE("checkpoint slot: arbitrary bytes never decode to partitions nor break anything",
          "[checkpoint]") {
  Prng prng{5};
  std::uint32_t frames = 0;
  std::vector<CheckpointEntry> entries;
  for (int i = 0; i < 600; ++i) entries.push_back({.key = key_of(i), .state = state_of(i + 1)});
  const std::vector<std::byte> good = encode_slot_image(7, entries, frames);
  REQUIRE(frames == 3);
  REQUIRE(decode_slot(good).value().partitions.size() == 600);
  for (int i = 0; i < 2000; ++i) {
    auto bad = good;
    bad[prng.below(bad.size())] ^= std::byte{static_cast<unsigned char>(1 + prng.below(255))};
    if (prng.chance(1, 3)) bad.resize(prng.below(bad.size()));
    const auto decoded = decode_slot(bad);
    REQUIRE((decoded.has_error() || !decoded.value().usable));
  }
}

}  // namespace
}  // namespace strandline
