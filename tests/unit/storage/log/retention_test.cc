// Retention and delete-records of a PartitionLog.
#include "tests/unit/storage/log/log_harness.h"

namespace strandline {
namespace {

using Bases = std::vector<std::int64_t>;

constexpr std::int64_t kHour = 3'600'000;

BatchSpec at(Timestamp record_time) { return {.times = {record_time.value()}}; }

TEST_CASE("retention: whole segments go when what stays is at least retention.bytes",
          "[retention]") {
  LogHarness t{two_a_segment()};
  t.append_many(7);
  t.sync();
  const auto batch = static_cast<std::int64_t>(make_batch({}).size());
  t.config.retention_bytes = 5 * batch + 1;
  t.log->set_config(t.config);
  CHECK(t.log->apply_retention(t.now).segments == 0);
  t.config.retention_bytes = 5 * batch;
  t.log->set_config(t.config);
  const auto done = t.log->apply_retention(t.now);
  CHECK(done.segments == 1);
  CHECK(done.bytes == static_cast<std::uint64_t>(2 * batch));
  CHECK(t.log->log_start_offset() == Offset{2});
  CHECK(t.read_all() == Bases{2, 3, 4, 5, 6});
}

TEST_CASE("retention: the segment that is written stays, whatever its size", "[retention]") {
  LogConfig config = two_a_segment();
  config.retention_bytes = 0;
  LogHarness t{config};
  t.append_many(5);
  t.sync();
  CHECK(t.log->apply_retention(t.now).segments == 2);
  CHECK(t.read_all() == Bases{4});
}

TEST_CASE("retention: a segment goes when its newest record is older than retention.ms",
          "[retention]") {
  LogHarness t{two_a_segment()};
  t.append(at(t.now));
  t.now = t.now + kHour;
  t.append(at(t.now));
  t.append(at(t.now));
  t.sync();
  t.config.retention_ms = kHour;
  t.log->set_config(t.config);
  CHECK(t.log->apply_retention(t.now + kHour).segments == 0);
  // All of it by then: the segment that is written is rolled first.
  CHECK(t.log->apply_retention(t.now + kHour + 1).segments == 2);
  CHECK(t.log->log_start_offset() == Offset{3});
  CHECK(t.log->log_end_offset() == Offset{3});
  t.append();
  CHECK(t.read_all() == Bases{3});
}

TEST_CASE("retention: a producer's clock in the future keeps no record", "[retention]") {
  LogHarness t{two_a_segment()};
  t.append_many(3, at(t.now + 1000 * kHour));
  t.sync();
  t.config.retention_ms = kHour;
  t.log->set_config(t.config);
  CHECK(t.log->apply_retention(t.now + kHour).segments == 0);
  CHECK(t.log->apply_retention(t.now + kHour + 1).segments == 2);
}

TEST_CASE("retention: records from the past are as old as they say", "[retention]") {
  LogHarness t{two_a_segment()};
  t.append_many(3, at(t.now - 2 * kHour));
  t.sync();
  t.config.retention_ms = kHour;
  t.log->set_config(t.config);
  CHECK(t.log->apply_retention(t.now).segments == 2);
}

TEST_CASE("retention: records without a time go by when they came", "[retention]") {
  LogHarness t{two_a_segment()};
  t.append_many(3, at(kNoTimestamp));
  t.sync();
  t.config.retention_ms = kHour;
  t.log->set_config(t.config);
  CHECK(t.log->apply_retention(t.now + kHour).segments == 0);
  CHECK(t.log->apply_retention(t.now + kHour + 1).segments == 2);
}

TEST_CASE("retention: append times are known after a restart", "[retention]") {
  LogHarness t{two_a_segment()};
  t.append_many(3, at(t.now + 1000 * kHour));
  t.sync();
  REQUIRE(t.log->write_indexes().has_value());
  t.checkpoint();
  t.config.retention_ms = kHour;
  t.now = t.now + kHour + 1;
  t.restart();
  CHECK(t.log->apply_retention(t.now).segments == 2);
}

TEST_CASE("retention: nothing above the high watermark goes", "[retention]") {
  LogConfig config = two_a_segment();
  config.retention_bytes = 0;
  LogHarness t{config};
  t.append_many(7);
  CHECK(t.log->apply_retention(t.now).segments == 0);
  t.log->set_high_watermark(Offset{3});
  CHECK(t.log->apply_retention(t.now).segments == 1);
  CHECK(t.log->log_start_offset() == Offset{2});
}

TEST_CASE("retention: a topic that does not delete rolls old segments and keeps them",
          "[retention]") {
  LogConfig config = two_a_segment();
  config.delete_old = false;
  config.retention_bytes = 0;
  config.segment_ms = kHour;
  LogHarness t{config};
  t.append_many(5);
  t.sync();
  CHECK(t.log->apply_retention(t.now + kHour).segments == 0);
  CHECK(t.log->segment_count() == 4);
  CHECK(t.read_all().size() == 5);
}

TEST_CASE("retention: idle producers are forgotten", "[retention]") {
  LogConfig config;
  config.producer_idle_ms_max = kHour;
  LogHarness t{config};
  t.append(from_producer(9, 0));
  CHECK_FALSE(t.log->apply_retention(t.now + kHour).error);
  CHECK(t.is_duplicate(9, 0));
  CHECK_FALSE(t.log->apply_retention(t.now + kHour + 1).error);
  CHECK(t.log->producers().empty());
}

TEST_CASE("retention: dropped files are handed out once, to be removed by the caller",
          "[retention]") {
  LogConfig config = two_a_segment();
  config.retention_bytes = 0;
  LogHarness t{config};
  t.append_many(3);
  t.sync();
  REQUIRE(t.log->apply_retention(t.now).segments == 1);
  CHECK(t.has(file_of(0, ".log")));  // until the checkpoint knows
  CHECK(t.log->take_dropped_files().empty());
  REQUIRE(t.log->drop_given_up(Offset{1}).has_value());
  CHECK(t.has(file_of(0, ".log")));
  REQUIRE(t.log->drop_given_up(Offset{2}).has_value());
  CHECK_FALSE(t.log->has_given_up());
  CHECK_FALSE(t.has(file_of(0, ".log")));
  const auto dropped = t.log->take_dropped_files();
  CHECK(std::find(dropped.begin(), dropped.end(), file_of(0, ".log.deleted")) != dropped.end());
  for (const std::string& path : dropped) CHECK(t.has(path));
  CHECK(t.log->take_dropped_files().empty());
}

TEST_CASE("retention: what a crash left of dropped segments is removed at the next start",
          "[retention]") {
  LogConfig config = two_a_segment();
  config.retention_bytes = 0;
  LogHarness t{config};
  t.append_many(3);
  t.sync();
  REQUIRE(t.log->apply_retention(t.now).segments == 1);
  t.checkpoint();
  REQUIRE(t.log->drop_given_up(Offset{2}).has_value());
  t.restart();
  for (const std::string& name : t.files()) {
    CHECK(name.find(".deleted") == std::string::npos);
    CHECK(name.starts_with(offset_file_stem(Offset{2})));
  }
  CHECK(t.log->log_start_offset() == Offset{2});
}

TEST_CASE("retention: a full disk that has no room for a roll is still made room on",
          "[retention]") {
  LogConfig config = two_a_segment();
  config.segment_ms = kHour;
  LogHarness t{config};
  t.append_many(5);
  t.sync();
  t.config.retention_bytes = 0;
  t.log->set_config(t.config);
  t.disk.plan({.call = DiskCall::write, .nth = 1, .repeat = 100, .error = ENOSPC});
  t.disk.plan({.call = DiskCall::open, .nth = 1, .repeat = 100, .error = ENOSPC});
  const auto done = t.log->apply_retention(t.now + kHour);
  CHECK(done.error == boost::system::errc::no_space_on_device);
  CHECK(done.segments == 2);
  CHECK(t.log->log_start_offset() == Offset{4});
  REQUIRE(t.log->drop_given_up(Offset{4}).has_value());
  CHECK_FALSE(t.log->take_dropped_files().empty());
  CHECK_FALSE(t.log->is_offline());
  t.disk.clear_faults();
  const auto again = t.log->apply_retention(t.now + kHour);
  CHECK_FALSE(again.error);
  CHECK(again.segments == 1);
}

TEST_CASE("retention: a segment that cannot be dropped is dropped the next time", "[retention]") {
  LogConfig config = two_a_segment();
  config.retention_bytes = 0;
  LogHarness t{config};
  t.append_many(5);
  t.sync();
  REQUIRE(t.log->apply_retention(t.now).segments == 2);
  t.checkpoint();
  t.disk.plan({.call = DiskCall::rename, .nth = 1, .path_part = file_of(2, ".log")});
  CHECK(t.log->drop_given_up(Offset{4}).error() == boost::system::errc::io_error);
  CHECK_FALSE(t.has(file_of(0, ".log")));
  CHECK(t.has(file_of(2, ".log")));
  REQUIRE(t.log->drop_given_up(Offset{4}).has_value());
  CHECK_FALSE(t.has(file_of(2, ".log")));
  CHECK(t.read_all() == Bases{4});
}

TEST_CASE("retention: what a crash found given up and not dropped is dropped by the next start",
          "[retention]") {
  for (const bool is_checkpointed : {false, true}) {
    LogConfig config = two_a_segment();
    config.retention_bytes = 0;
    LogHarness t{config};
    t.append_many(5);
    t.sync();
    t.checkpoint();
    REQUIRE(t.log->apply_retention(t.now).segments == 2);
    if (is_checkpointed) t.checkpoint();
    t.lose_power();
    CHECK(t.reports.damages.empty());
    CHECK(t.log->log_start_offset() == Offset{is_checkpointed ? 4 : 0});
    CHECK(t.has(file_of(0, ".log")));  // until this process has written a checkpoint
    REQUIRE(t.log->drop_given_up(t.log->log_start_offset()).has_value());
    CHECK(t.has(file_of(0, ".log")) != is_checkpointed);
  }
}

TEST_CASE("delete_records: the log start moves to the record, segments below it go",
          "[retention]") {
  LogHarness t{two_a_segment()};
  t.epoch = LeaderEpoch{1};
  t.append_many(7);
  t.sync();
  t.log->delete_records(Offset{5});
  CHECK(t.log->log_start_offset() == Offset{5});
  CHECK(t.log->segment_count() == 2);  // that of 4 and 5, and the last
  CHECK(t.log->epochs().starts() == std::vector{EpochStart{LeaderEpoch{1}, Offset{5}}});
  t.log->delete_records(Offset{2});
  CHECK(t.log->log_start_offset() == Offset{5});  // it never goes back
  CHECK(t.read(5) == Bases{5});
}

TEST_CASE("delete_records: all of a log may go; offsets go on where they were", "[retention]") {
  LogHarness t{two_a_segment()};
  t.append_many(4);
  t.sync();
  t.log->delete_records(Offset{4});
  CHECK(t.log->log_start_offset() == t.log->log_end_offset());
  t.checkpoint();
  t.lose_power();
  CHECK(t.log->log_start_offset() == Offset{4});
  CHECK(t.append().base_offset == Offset{4});
  CHECK(t.read_all() == Bases{4});
}

TEST_CASE("delete_records: what the checkpoint knows stays deleted", "[retention]") {
  LogHarness t;
  t.append_many(4, records(2));
  t.sync();
  t.log->delete_records(Offset{3});
  t.checkpoint();
  t.lose_power();
  CHECK(t.log->log_start_offset() == Offset{3});
  CHECK(t.log->segment_count() == 1);
}

}  // namespace
}  // namespace strandline
