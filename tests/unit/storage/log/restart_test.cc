// PartitionLog::restart_at, and what a follower's log does otherwise than a leader's.
#include <algorithm>

#include "storage/producer/snapshot.h"
#include "tests/unit/storage/log/log_harness.h"

namespace strandline {
namespace {

using Bases = std::vector<std::int64_t>;

// Whoever orders it writes the lower flushed end first.
void lower_checkpoint(LogHarness& t, std::int64_t start) {
  t.checkpoint();
  PartitionCheckpoint& state = t.point.state;
  state.flushed_end = std::min(state.flushed_end, Offset{start});
  state.high_watermark = std::min(state.high_watermark, Offset{start});
  state.log_start = std::min(state.log_start, Offset{start});
}

void restart_at(LogHarness& t, std::int64_t start) {
  lower_checkpoint(t, start);
  REQUIRE(t.log->restart_at(Offset{start}).has_value());
  t.log->assert_invariants();
}

bool is_empty_at(const PartitionLog& log, std::int64_t start) {
  return log.log_start_offset() == Offset{start} && log.log_end_offset() == Offset{start} &&
         log.flushed_end() == Offset{start} && log.high_watermark() == Offset{start};
}

TEST_CASE("restart_at: the log is empty and goes on at the offset", "[restart]") {
  for (const std::int64_t start : {0, 3, 5, 1000}) {
    LogHarness t{two_a_segment()};
    t.append_many(5);
    t.sync();
    restart_at(t, start);
    CHECK(is_empty_at(*t.log, start));
    CHECK(t.log->first_batch_offset() == Offset{start});
    CHECK(t.log->epochs().starts().empty());
    CHECK(t.append().base_offset == Offset{start});
    t.sync();
    t.lose_power();
    CHECK(t.reports.damages.empty());
    CHECK(t.read_all() == Bases{start});
  }
}

TEST_CASE("restart_at: neither producers nor their snapshots come back", "[restart]") {
  LogHarness t;
  t.append(from_producer(9, 0));
  t.sync();
  REQUIRE(
      write_producer_snapshot(t.disk, kDirectory, t.log->producer_snapshot(), Replacement::durable)
          .has_value());
  t.log->producer_snapshot_written(t.log->log_end_offset());
  restart_at(t, 50);
  CHECK_FALSE(t.is_duplicate(9, 0));
  CHECK_FALSE(t.has(file_of(1, ".snapshot")));
  t.restart();
  CHECK(t.log->producers().empty());
}

TEST_CASE("restart_at: dropped files may be removed, and are not the new ones", "[restart]") {
  LogHarness t{two_a_segment()};
  t.append_many(5);
  t.sync();
  restart_at(t, 2);
  for (const std::string& file : t.log->take_dropped_files()) {
    CHECK(file.ends_with(".deleted"));
    REQUIRE(t.disk.remove(file).has_value());
  }
  CHECK(t.has(file_of(2, ".log")));
  CHECK_FALSE(t.has(file_of(2, ".restart")));
}

TEST_CASE("restart_at: a crash at any disk call leaves the old log or the new one",
          "[restart][crash]") {
  const CrashModel models[] = {CrashModel::power_loss(), CrashModel::power_loss_torn(),
                               CrashModel::power_loss_keeping_names(), CrashModel::process_kill()};
  const Bases old{0, 1, 2, 3, 4};
  int seen_old = 0;
  int seen_new = 0;
  for (const CrashModel& model : models) {
    for (const std::int64_t start : {2, 70}) {
      bool finished = false;
      for (int crash_at = 1; !finished; ++crash_at) {
        LogHarness t{two_a_segment()};
        t.append_many(5);
        t.sync();
        lower_checkpoint(t, start);
        int calls = 0;
        t.disk.on_operation([&](DiskCall, const std::string&) {
          if (++calls == crash_at) throw CrashNow{};
        });
        try {
          finished = t.log->restart_at(Offset{start}).has_value();
        } catch (const CrashNow&) {
          finished = false;
        }
        t.disk.on_operation(nullptr);
        t.lose_power(model);
        const bool is_new = is_empty_at(*t.log, start);
        ++(is_new ? seen_new : seen_old);
        if (finished) REQUIRE(is_new);
        if (!is_new) REQUIRE(t.read_all() == old);
        REQUIRE(t.reports.damages.empty());
        // What comes next stays, whatever was left to be done.
        const Offset next = t.append().base_offset;
        t.sync();
        t.checkpoint();
        t.lose_power(model);
        REQUIRE(t.log->log_end_offset() == next + 1);
      }
    }
  }
  CHECK(seen_old > 4);
  CHECK(seen_new > 4);
}

TEST_CASE("restart_at: a disk that fails takes the log offline", "[restart]") {
  for (const DiskCall call : {DiskCall::open, DiskCall::rename, DiskCall::sync_directory}) {
    LogHarness t{two_a_segment()};
    t.append_many(5);
    t.sync();
    t.disk.plan({.call = call, .nth = 1, .repeat = 100});
    CHECK(t.log->restart_at(Offset{1}).has_error());
    CHECK(t.log->is_offline());
  }
}

TEST_CASE("PartitionLog: a follower begins segments where its leader does, and only there",
          "[restart]") {
  LogHarness t{two_a_segment()};
  const auto append = [&](std::int64_t base, bool begins_segment) {
    const auto batch = make_batch({.base_offset = base});
    return t.log->append_as_follower(batch, parse_batch(batch).value(), t.now, begins_segment);
  };
  REQUIRE(append(0, true).has_value());  // it is at a beginning already
  CHECK(t.log->segment_count() == 1);
  for (int base = 1; base < 5; ++base) REQUIRE(append(base, false).has_value());
  CHECK(t.log->segment_count() == 1);
  REQUIRE(append(5, true).has_value());
  CHECK(t.log->segment_count() == 2);
  CHECK(t.has(file_of(5, ".log")));
}

TEST_CASE("PartitionLog: what a follower stages is written together", "[restart]") {
  LogHarness t;
  const auto first = make_batch({.base_offset = 0, .leader_epoch = 1});
  const auto second = make_batch({.base_offset = 1, .leader_epoch = 2});
  const auto old = make_batch({.base_offset = 2, .leader_epoch = 1});
  const auto stage = [&](const std::vector<std::byte>& batch) {
    return t.log->stage_as_follower(batch, parse_batch(batch).value(), t.now, false);
  };
  REQUIRE(stage(first).has_value());
  REQUIRE(stage(second).has_value());
  CHECK(stage(second).error() == Errc::offset_out_of_range);
  CHECK(stage(old).error() == Errc::fenced_leader_epoch);
  CHECK(t.log->log_end_offset() == Offset{0});
  REQUIRE(t.log->write_staged().has_value());
  CHECK(t.log->log_end_offset() == Offset{2});
  CHECK(t.log->epochs().latest() == LeaderEpoch{2});
}

TEST_CASE("PartitionLog: it tells whether its tail was cut as it was opened", "[restart]") {
  LogHarness t;
  t.append_many(2);
  t.sync();
  t.restart();
  CHECK_FALSE(t.log->tail_was_cut());
  t.append();
  const std::uint64_t size = t.size_of(file_of(0, ".log"));
  t.end_process();
  t.cut_file(file_of(0, ".log"), size - 1);
  t.open();
  CHECK(t.log->tail_was_cut());
  CHECK(t.log->log_end_offset() == Offset{2});
  // Until everybody knows.
  t.lose_power();
  CHECK(t.log->tail_was_cut());
  REQUIRE(PartitionLog::forget_cut(t.disk, std::string{kDirectory}).has_value());
  t.lose_power();
  CHECK_FALSE(t.log->tail_was_cut());
}

TEST_CASE("digest: none is made of a segment that was cut meanwhile", "[restart]") {
  LogHarness t{two_a_segment()};
  t.append_many(5);
  t.sync();
  const std::vector<SealJob> jobs = t.log->take_seal_jobs();
  REQUIRE(jobs.size() == 2);
  lower_checkpoint(t, 3);
  REQUIRE(t.log->truncate_to(Offset{3}).has_value());
  for (const SealJob& job : jobs) (void)run(job);
  CHECK(t.has(file_of(0, ".digest")));
  CHECK_FALSE(t.has(file_of(2, ".digest")));
}

}  // namespace
}  // namespace strandline
