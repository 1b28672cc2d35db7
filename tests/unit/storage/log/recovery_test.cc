// Opening a PartitionLog after crashes: what of its records is there again, and what is cut.
#include "storage/log/recovery.h"

#include "storage/producer/snapshot.h"
#include "tests/unit/storage/log/log_harness.h"

namespace strandline {
namespace {

using Bases = std::vector<std::int64_t>;

const std::uint64_t kBatch = plain_batch_bytes();

void make_digests(LogHarness& t) {
  for (const SealJob& job : t.log->take_seal_jobs()) REQUIRE(run(job).has_value());
}

TEST_CASE("recovery: after a kill all that was appended is there, and counts as flushed",
          "[recovery]") {
  LogHarness t{two_a_segment()};
  t.append_many(3);
  t.sync();
  t.checkpoint();
  t.append_many(4);
  t.restart();
  CHECK(t.read_all() == Bases{0, 1, 2, 3, 4, 5, 6});
  CHECK(t.log->flushed_end() == Offset{7});
  CHECK(t.log->high_watermark() == Offset{3});  // as the checkpoint knew it
  CHECK(t.reports.damages.empty());
  CHECK(t.reports.cuts.empty());
  t.end_process(CrashModel::power_loss());
  t.open();
  CHECK(t.log->log_end_offset() == Offset{7});
}

TEST_CASE("recovery: a batch torn at any byte is cut, and kept in a .cut file", "[recovery]") {
  for (const std::uint64_t left :
       {std::uint64_t{8}, std::uint64_t{60}, std::uint64_t{61}, kBatch / 2, kBatch - 1}) {
    LogHarness t;
    t.append_many(2);
    t.sync();
    t.checkpoint();
    t.append_many(2);
    t.end_process();
    t.cut_file(file_of(0, ".log"), 3 * kBatch + left);
    const auto torn = t.bytes_of(file_of(0, ".log"));
    t.open();
    CHECK(t.read_all() == Bases{0, 1, 2});
    CHECK(t.size_of(file_of(0, ".log")) == 3 * kBatch);
    REQUIRE(t.reports.cuts.size() == 1);
    const Reports::Cut& cut = t.reports.cuts[0];
    CHECK(cut.file == file_of(0, ".log"));
    CHECK(cut.position == 3 * kBatch);
    CHECK(cut.bytes == left);
    CHECK(cut.saved_as == file_of(0, ".cut-" + std::to_string(t.now.value())));
    CHECK(t.bytes_of(cut.saved_as) == std::vector(torn.begin() + 3L * kBatch, torn.end()));
    CHECK(t.append().base_offset == Offset{3});
  }
}

TEST_CASE("recovery: a tail of zeros is cut and not worth keeping", "[recovery]") {
  LogHarness t;
  t.append_many(2);
  t.end_process();
  t.cut_file(file_of(0, ".log"), 2 * kBatch + 9000);
  t.open();
  REQUIRE(t.reports.cuts.size() == 1);
  CHECK(t.reports.cuts[0].bytes == 9000);
  CHECK(t.reports.cuts[0].saved_as.empty());
  CHECK(t.size_of(file_of(0, ".log")) == 2 * kBatch);
  for (const auto& name : t.files()) CHECK(name.find(".cut") == std::string::npos);
}

TEST_CASE("recovery: a wrong checksum beyond the recovery point ends the log", "[recovery]") {
  LogHarness t;
  t.append_many(2);
  t.sync();
  t.checkpoint();
  t.append_many(3);
  t.end_process();
  t.damage_file(file_of(0, ".log"), 3 * kBatch + 80);
  t.open();
  CHECK(t.read_all() == Bases{0, 1, 2});
  REQUIRE(t.reports.cuts.size() == 1);
  CHECK(t.reports.cuts[0].bytes == 2 * kBatch);
  CHECK(t.reports.damages.empty());
}

TEST_CASE("recovery: the disk is judged, not what the cache shows of it", "[recovery]") {
  LogHarness t;
  t.append();
  t.sync();
  t.checkpoint();
  t.append_many(2);
  t.end_process();
  REQUIRE(t.disk.open(file_of(0, ".log"), OpenMode::read_write).value()->sync().has_value());
  REQUIRE(t.disk.flip_bit(file_of(0, ".log"), kBatch + 80, 1, false));
  t.open();
  CHECK(t.read_all() == Bases{0});
}

TEST_CASE("recovery: segments behind a torn one are kept aside and cut with it", "[recovery]") {
  LogHarness t{two_a_segment()};
  t.append();
  t.sync();
  t.checkpoint();
  t.append_many(5);
  REQUIRE(t.log->segment_count() == 3);
  t.end_process();
  t.cut_file(file_of(0, ".log"), kBatch + 30);
  t.open();
  CHECK(t.read_all() == Bases{0});
  CHECK(t.log->segment_count() == 1);
  CHECK_FALSE(t.has(file_of(2, ".log")));
  CHECK_FALSE(t.has(file_of(4, ".log")));
  REQUIRE(t.reports.cuts.size() == 3);
  for (const Reports::Cut& cut : t.reports.cuts) CHECK(t.size_of(cut.saved_as) == cut.bytes);
  CHECK(t.reports.damages.empty());
  t.append_many(3);
  t.sync();
  t.lose_power();
  CHECK(t.read_all() == Bases{0, 1, 2, 3});
}

TEST_CASE("recovery: a hole between segments beyond the recovery point ends the log",
          "[recovery]") {
  LogHarness t{two_a_segment()};
  t.append_many(6);
  t.end_process();
  REQUIRE(t.disk.remove(file_of(2, ".log")).has_value());
  t.open();
  CHECK(t.read_all() == Bases{0, 1});
  CHECK(t.append().base_offset == Offset{2});
}

TEST_CASE("recovery: without a checkpoint everything is scanned and found", "[recovery]") {
  LogHarness t{two_a_segment()};
  t.epoch = LeaderEpoch{2};
  t.append_many(3);
  t.epoch = LeaderEpoch{5};
  t.append_many(2);
  t.forget_checkpoint();
  t.restart();
  CHECK(t.read_all() == Bases{0, 1, 2, 3, 4});
  CHECK(t.log->log_start_offset() == Offset{0});
  CHECK(t.log->high_watermark() == Offset{0});
  CHECK(t.log->epochs().starts() ==
        std::vector{EpochStart{LeaderEpoch{2}, Offset{0}}, EpochStart{LeaderEpoch{5}, Offset{3}}});
}

TEST_CASE("recovery: without a checkpoint a segment with a good digest is not scanned",
          "[recovery]") {
  LogHarness t{two_a_segment()};
  t.epoch = LeaderEpoch{3};
  t.append_many(5);
  t.sync();
  make_digests(t);
  t.end_process();
  // The damage is then its reader's to find, and never a reason to cut.
  t.damage_file(file_of(0, ".log"), kBatch + 80);
  t.open();
  CHECK(t.log->log_end_offset() == Offset{5});
  CHECK(t.log->epochs().latest() == LeaderEpoch{3});
  CHECK(t.reports.cuts.empty());
  CHECK(t.try_read(1).error() == Errc::corrupt_batch);
}

TEST_CASE("recovery: a damaged or missing digest costs a scan and nothing else", "[recovery]") {
  for (const bool missing : {false, true}) {
    LogHarness t{two_a_segment()};
    t.append_many(5);
    t.sync();
    make_digests(t);
    t.end_process();
    if (missing) {
      REQUIRE(t.disk.remove(file_of(0, ".digest")).has_value());
    } else {
      t.damage_file(file_of(0, ".digest"), 15);
    }
    t.open();
    CHECK(t.read_all() == Bases{0, 1, 2, 3, 4});
    CHECK(t.reports.cuts.empty());
    CHECK(t.reports.damages.empty());
  }
}

TEST_CASE("recovery: a digest of another length than its segment is not believed", "[recovery]") {
  LogHarness t{two_a_segment()};
  t.append_many(5);
  t.sync();
  make_digests(t);
  t.end_process();
  t.cut_file(file_of(2, ".log"), kBatch + 10);
  t.open();
  CHECK(t.read_all() == Bases{0, 1, 2});
  CHECK(t.log->segment_count() == 2);
}

TEST_CASE("recovery: producers are those of the records that are left", "[recovery]") {
  LogHarness t;
  t.append(from_producer(9, 0));
  t.sync();
  t.checkpoint();
  t.append(from_producer(9, 1));
  t.append(from_producer(8, 0));
  REQUIRE(
      write_producer_snapshot(t.disk, kDirectory, t.log->producer_snapshot(), Replacement::durable)
          .has_value());
  t.lose_power();
  CHECK(t.log->log_end_offset() == Offset{1});
  CHECK(t.is_duplicate(9, 0));
  CHECK_FALSE(t.is_duplicate(9, 1));
  CHECK_FALSE(t.is_duplicate(8, 0));
  // Nor does the snapshot come back when other records have these offsets.
  CHECK_FALSE(t.has(file_of(3, ".snapshot")));
  t.append(from_producer(5, 0));
  t.append(from_producer(5, 1));
  t.append(from_producer(5, 2));
  t.sync();
  t.lose_power();
  CHECK(t.is_duplicate(5, 2));
  CHECK(t.log->producers().size() == 2);
}

TEST_CASE("recovery: terms that began beyond the cut are forgotten", "[recovery]") {
  LogHarness t;
  t.append();
  t.sync();
  t.epoch = LeaderEpoch{4};
  t.append();
  t.checkpoint();  // knows of the term, whose records are not safe
  t.lose_power();
  CHECK(t.log->log_end_offset() == Offset{1});
  CHECK(t.log->epochs().latest() == LeaderEpoch{0});
  t.epoch = LeaderEpoch{2};
  t.append();
}

TEST_CASE("recovery: a leader epoch that falls beyond the recovery point ends the log",
          "[recovery]") {
  LogHarness t{two_a_segment()};
  t.epoch = LeaderEpoch{5};
  t.append_many(2);
  t.end_process();
  const auto old = make_batch({.base_offset = 2, .leader_epoch = 4});
  t.write_file(file_of(2, ".log"), 0, old);
  t.open();
  CHECK(t.log->log_end_offset() == Offset{2});
  REQUIRE_FALSE(t.reports.cuts.empty());
}

TEST_CASE("recovery: a sync that fails refuses the log", "[recovery]") {
  LogHarness t;
  t.append();
  t.end_process();
  t.disk.plan({.call = DiskCall::sync, .nth = 1, .path_part = ".log"});
  CHECK(t.try_open() == boost::system::errc::io_error);
}

TEST_CASE("recovery: what is not kept aside is not cut", "[recovery]") {
  LogHarness t;
  t.append_many(2);
  t.end_process();
  t.cut_file(file_of(0, ".log"), kBatch + 50);
  t.disk.plan({.call = DiskCall::write, .nth = 1, .error = ENOSPC, .path_part = ".cut"});
  CHECK(t.try_open() == boost::system::errc::no_space_on_device);
  CHECK(t.size_of(file_of(0, ".log")) == kBatch + 50);
  t.open();
  CHECK(t.read_all() == Bases{0});
}

}  // namespace
}  // namespace strandline
