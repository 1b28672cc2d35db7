#include "storage/producer/snapshot.h"

#include <catch2/catch.hpp>

#include "protocol/base/errc.h"
#include "storage/io/sim_disk.h"

namespace strandline {
namespace {

ProducerSnapshot snapshot_at(std::int64_t offset) {
  ProducerEntry entry{.producer_id = ProducerId{9}, .epoch = ProducerEpoch{2}};
  entry.last_append_time = Timestamp{5000};
  entry.batches.push_back({.first_sequence = Sequence{2147483647},
                           .last_sequence = Sequence{4},
                           .base_offset = Offset{offset - 6},
                           .last_offset = Offset{offset - 1},
                           .append_time = Timestamp{4999}});
  return {.next_offset = Offset{offset}, .producers = {entry}};
}

struct SnapshotHarness {
  SnapshotHarness() {
    REQUIRE(disk.create_directories("t-0").has_value());
    REQUIRE(disk.sync_directory("").has_value());
  }
  void write(std::int64_t offset, Replacement how = Replacement::durable) {
    REQUIRE(write_producer_snapshot(disk, "t-0", snapshot_at(offset), how).has_value());
  }
  SnapshotSearch newest(std::int64_t at_or_below) {
    return newest_producer_snapshot(disk, "t-0", Offset{at_or_below}).value();
  }
  SimDisk disk{1};
};

TEST_CASE("snapshot: its name is its offset in 20 digits, as Kafka writes it", "[producer]") {
  CHECK(snapshot_file_name(Offset{123}) == "00000000000000000123.snapshot");
  CHECK(snapshot_offset("00000000000000000123.snapshot") == Offset{123});
  CHECK(snapshot_offset("09223372036854775807.snapshot") == Offset{9223372036854775807});
  for (const char* name : {"123.snapshot", "0000000000000000012x.snapshot", "a.log",
                           "00000000000000000123.snapshot.tmp", "-0000000000000000123.snapshot",
                           "99999999999999999999.snapshot"}) {
    CHECK(snapshot_offset(name) == std::nullopt);
  }
}

TEST_CASE("snapshot: the newest at or below an offset is found", "[producer]") {
  SnapshotHarness t;
  t.write(10);
  t.write(20);
  t.write(30);
  CHECK(t.newest(30).found == snapshot_at(30));
  CHECK(t.newest(29).found == snapshot_at(20));
  CHECK(t.newest(9).found == std::nullopt);
}

TEST_CASE("snapshot: a damaged one is named and an older one is used", "[producer]") {
  SnapshotHarness t;
  t.write(10);
  t.write(20);
  for (std::uint64_t position : {0, 5, 13, 40}) {
    REQUIRE(t.disk.flip_bit("t-0/" + snapshot_file_name(Offset{20}), position, 1, true));
    const SnapshotSearch search = t.newest(100);
    CHECK(search.found == snapshot_at(10));
    CHECK(search.damaged == std::vector<std::string>{"t-0/00000000000000000020.snapshot"});
    REQUIRE(t.disk.flip_bit("t-0/" + snapshot_file_name(Offset{20}), position, 1, true));
  }
}

TEST_CASE("snapshot: one under another's name is not believed", "[producer]") {
  SnapshotHarness t;
  t.write(10);
  REQUIRE(
      t.disk
          .rename("t-0/" + snapshot_file_name(Offset{10}), "t-0/" + snapshot_file_name(Offset{40}))
          .has_value());
  CHECK(t.newest(100).found == std::nullopt);
}

TEST_CASE("snapshot: a durable one survives a power loss, an eventual one may be gone or broken",
          "[producer]") {
  SnapshotHarness t;
  t.write(10);
  t.write(20, Replacement::eventually);
  t.disk.crash(CrashModel::power_loss_keeping_names());
  const SnapshotSearch search = t.newest(100);
  CHECK(search.found == snapshot_at(10));
  CHECK(search.damaged.size() == 1);
}

TEST_CASE("snapshot: removal takes a range of offsets and unfinished files", "[producer]") {
  SnapshotHarness t;
  for (std::int64_t offset : {10, 20, 30, 40}) t.write(offset);
  REQUIRE(t.disk.open("t-0/00000000000000000050.snapshot.tmp", OpenMode::create_new).has_value());
  REQUIRE(t.disk.open("t-0/00000000000000000000.log", OpenMode::create_new).has_value());
  REQUIRE(remove_producer_snapshots(t.disk, "t-0", Offset{20}, Offset{40}).has_value());
  CHECK(t.disk.list("t-0").value() == std::vector<std::string>{"00000000000000000000.log",
                                                               "00000000000000000010.snapshot",
                                                               "00000000000000000040.snapshot"});
}

TEST_CASE("snapshot: the worked example of the format page", "[producer]") {
  ProducerEntry entry{.producer_id = ProducerId{9}, .epoch = ProducerEpoch{2}};
  entry.last_append_time = Timestamp{1000};
  entry.batches.push_back({Sequence{0}, Sequence{7}, Offset{0}, Offset{7}, Timestamp{1000}});
  const std::string bytes = encode_producer_snapshot({Offset{8}, {entry}});
  CHECK(bytes == std::string{"\x08\x08\x12\x10\x08\x09\x10\x02\x20\xe9\x07"
                             "\x3a\x07\x10\x07\x20\x07\x28\xe9\x07"});
}

TEST_CASE("snapshot: bytes that no writer makes do not decode", "[producer]") {
  ProducerSnapshot snapshot = snapshot_at(50);
  snapshot.producers[0].batches[0].first_sequence = Sequence{-5};
  CHECK(decode_producer_snapshot(as_bytes(encode_producer_snapshot(snapshot))).error() ==
        Errc::corrupt_file);
  snapshot = snapshot_at(50);
  snapshot.producers[0].batches.resize(6, snapshot.producers[0].batches[0]);
  CHECK(decode_producer_snapshot(as_bytes(encode_producer_snapshot(snapshot))).error() ==
        Errc::corrupt_file);
  CHECK(decode_producer_snapshot(as_bytes("\xff\xff\xff")).error() == Errc::corrupt_file);
}

}  // namespace
}  // namespace strandline
