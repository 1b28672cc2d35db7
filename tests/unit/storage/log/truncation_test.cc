// PartitionLog::truncate_to.
#include "storage/producer/snapshot.h"
#include "tests/unit/storage/log/log_harness.h"

namespace strandline {
namespace {

using Bases = std::vector<std::int64_t>;

void truncate(LogHarness& t, std::int64_t end) {
  // Whoever orders it writes the lower flushed end first.
  t.checkpoint();
  t.point.state.flushed_end = std::min(t.point.state.flushed_end, Offset{end});
  t.point.state.high_watermark = std::min(t.point.state.high_watermark, Offset{end});
  REQUIRE(t.log->truncate_to(Offset{end}).has_value());
  t.log->assert_invariants();
}

TEST_CASE("truncate_to: records from the end on are gone, and others take their offsets",
          "[truncate]") {
  LogHarness t;
  t.append_many(6);
  t.sync();
  truncate(t, 4);
  CHECK(t.log->log_end_offset() == Offset{4});
  CHECK(t.log->flushed_end() == Offset{4});
  CHECK(t.log->high_watermark() == Offset{4});
  CHECK(t.append(records(1, 7)).base_offset == Offset{4});
  t.sync();
  CHECK(t.read_all() == Bases{0, 1, 2, 3, 4});
  CHECK(t.log->size_bytes() == t.size_of(file_of(0, ".log")));
}

TEST_CASE("truncate_to: an end at or beyond the log end changes nothing", "[truncate]") {
  LogHarness t;
  t.append_many(3);
  REQUIRE(t.log->truncate_to(Offset{3}).has_value());
  REQUIRE(t.log->truncate_to(Offset{9}).has_value());
  CHECK(t.log->log_end_offset() == Offset{3});
}

TEST_CASE("truncate_to: an end inside a batch takes the whole batch", "[truncate]") {
  LogHarness t;
  t.append_many(3, records(4));
  t.sync();
  truncate(t, 6);
  CHECK(t.log->log_end_offset() == Offset{4});
  CHECK(t.read_all() == Bases{0});
}

TEST_CASE("truncate_to: whole segments go, the one before is written again", "[truncate]") {
  LogHarness t{two_a_segment()};
  t.append_many(7);
  t.sync();
  truncate(t, 3);
  CHECK(t.log->segment_count() == 2);
  CHECK(t.has(file_of(2, ".log")));
  CHECK_FALSE(t.has(file_of(4, ".log")));
  t.append();
  CHECK(t.log->segment_count() == 2);
  t.append();
  CHECK(t.log->segment_count() == 3);
  t.sync();
  CHECK(t.read_all() == Bases{0, 1, 2, 3, 4});
}

TEST_CASE("truncate_to: everything may go", "[truncate]") {
  LogHarness t{two_a_segment()};
  t.append_many(5);
  t.sync();
  truncate(t, 0);
  CHECK(t.log->log_end_offset() == Offset{0});
  CHECK(t.append().base_offset == Offset{0});
  t.sync();
  t.restart();
  CHECK(t.read_all() == Bases{0});
}

TEST_CASE("truncate_to: what was cut does not come back after a power loss", "[truncate]") {
  LogHarness t{two_a_segment()};
  t.append_many(7, from_producer(-1, -1));
  t.sync();
  truncate(t, 3);
  t.append(records(1, 9));
  t.sync();
  t.lose_power();
  CHECK(t.read_all() == Bases{0, 1, 2, 3});
  CHECK(t.reports.damages.empty());
}

TEST_CASE("truncate_to: producers are what they were at the new end", "[truncate]") {
  LogHarness t;
  t.append(from_producer(9, 0));
  t.append(from_producer(9, 1));
  t.append(from_producer(8, 0));
  truncate(t, 1);
  CHECK(t.is_duplicate(9, 0));
  CHECK_FALSE(t.is_duplicate(9, 1));
  CHECK(t.log->producers().size() == 1);
  t.append(from_producer(9, 1));
}

TEST_CASE("truncate_to: a snapshot above the new end is gone, one below it is used", "[truncate]") {
  LogHarness t;
  const auto snapshot = [&] {
    REQUIRE(write_producer_snapshot(t.disk, kDirectory, t.log->producer_snapshot(),
                                    Replacement::durable)
                .has_value());
    t.log->producer_snapshot_written(t.log->log_end_offset());
  };
  t.append(from_producer(9, 0));
  snapshot();
  t.append(from_producer(9, 1));
  snapshot();
  t.append(from_producer(9, 2));
  t.sync();
  truncate(t, 1);
  CHECK(t.has(file_of(1, ".snapshot")));
  CHECK_FALSE(t.has(file_of(2, ".snapshot")));
  CHECK(t.log->checkpoint().producer_state_offset == Offset{1});
  CHECK(t.is_duplicate(9, 0));
  // Another producer's batch takes the offset; a restart must not know the old one.
  t.append(from_producer(5, 0));
  t.append(from_producer(5, 1));
  t.sync();
  t.lose_power();
  CHECK(t.is_duplicate(5, 0));
  CHECK_FALSE(t.is_duplicate(9, 1));
}

TEST_CASE("truncate_to: terms that began beyond the end are gone", "[truncate]") {
  LogHarness t;
  t.append();
  t.epoch = LeaderEpoch{3};
  t.append();
  truncate(t, 1);
  CHECK(t.log->epochs().latest() == LeaderEpoch{0});
  t.epoch = LeaderEpoch{2};
  t.append();
}

TEST_CASE("truncate_to: at the log end, terms without records are gone", "[truncate]") {
  LogHarness t;
  t.append();
  t.log->on_new_leader_epoch(LeaderEpoch{3});
  REQUIRE(t.log->epochs().latest() == LeaderEpoch{3});
  truncate(t, 1);
  CHECK(t.log->log_end_offset() == Offset{1});
  CHECK(t.log->epochs().latest() == LeaderEpoch{0});
  t.epoch = LeaderEpoch{2};  // a later leader's log may go on with an older term
  t.append();
  t.sync();
  t.restart();
  CHECK(t.log->epochs().latest() == LeaderEpoch{2});
}

TEST_CASE("truncate_to: a sync under way covers only what is left", "[truncate]") {
  LogHarness t;
  t.append_many(5);
  const auto job = t.log->begin_sync();
  REQUIRE(job.has_value());
  truncate(t, 2);
  t.append_many(3);
  t.log->finish_sync(*job, run(*job));
  CHECK(t.log->flushed_end() == Offset{2});
  t.sync();
  CHECK(t.log->flushed_end() == Offset{5});
}

TEST_CASE("truncate_to: the log start falls with the batch that holds it", "[truncate]") {
  LogHarness t;
  t.append_many(3, records(4));
  t.sync();
  t.log->delete_records(Offset{5});
  truncate(t, 6);
  CHECK(t.log->log_end_offset() == Offset{4});
  CHECK(t.log->log_start_offset() == Offset{4});
  CHECK(t.append().base_offset == Offset{4});
  CHECK(t.read_all() == Bases{4});
}

TEST_CASE("truncate_to: a segment that is written again has no digest", "[truncate]") {
  LogHarness t{two_a_segment()};
  t.append_many(5);
  t.sync();
  for (const SealJob& job : t.log->take_seal_jobs()) REQUIRE(run(job).has_value());
  REQUIRE(t.has(file_of(2, ".digest")));
  truncate(t, 3);
  CHECK(t.has(file_of(0, ".digest")));
  CHECK_FALSE(t.has(file_of(2, ".digest")));
  // Else another batch of the same size would be vouched for by it before it was ever synced.
  t.append();
  t.append();
  t.lose_power();
  CHECK_FALSE(t.has(file_of(2, ".digest")));
}

TEST_CASE("truncate_to: a segment that is written again is not sealed any more", "[truncate]") {
  LogHarness t{two_a_segment()};
  t.append_many(5);
  t.sync();
  truncate(t, 3);
  const auto jobs = t.log->take_seal_jobs();
  REQUIRE(jobs.size() == 1);
  CHECK(jobs[0].end_offset == Offset{2});
}

TEST_CASE("truncate_to: rows of the time index that were cut do not come back with the power",
          "[truncate]") {
  LogConfig config = two_a_segment();
  config.segment_bytes *= 2;
  config.index_interval_bytes = 1;
  LogHarness t{config};
  for (const std::int64_t time : {100, 200, 300, 400, 500}) t.append({.times = {time}});
  t.sync();
  for (const SealJob& job : t.log->take_seal_jobs()) REQUIRE(run(job).has_value());
  truncate(t, 1);
  // A producer's clock runs ahead once; the batch it had sent before comes again after that.
  for (const std::int64_t time : {900, 300, 400}) t.append({.times = {time}});
  t.sync();
  t.checkpoint();
  t.lose_power();
  const auto found = find_by_time(t.log->plan_time_search(Timestamp{350}, Offset{5})).value();
  CHECK(found.offset == Offset{1});
}

TEST_CASE("truncate_to: a disk that fails takes the log offline", "[truncate]") {
  for (const DiskCall call : {DiskCall::truncate, DiskCall::sync, DiskCall::sync_directory}) {
    LogHarness t{two_a_segment()};
    t.append_many(5);
    t.sync();
    t.disk.plan({.call = call, .nth = 1, .repeat = 100});
    CHECK(t.log->truncate_to(Offset{1}).has_error());
    CHECK(t.log->is_offline());
  }
}

TEST_CASE("truncate_to: reads and time look-ups are right after it", "[truncate]") {
  LogHarness t{{.index_interval_bytes = 1}};
  for (std::int64_t i = 0; i < 50; ++i) t.append({.times = {1000 + i}});
  t.sync();
  truncate(t, 20);
  for (std::int64_t i = 0; i < 10; ++i) t.append({.times = {5000 + i}, .value_bytes = 33});
  t.sync();
  CHECK(t.read(19).front() == 19);
  CHECK(t.read(25).front() == 25);
  const auto find = [&](std::int64_t time) {
    return find_by_time(t.log->plan_time_search(Timestamp{time}, Offset{100})).value().offset;
  };
  CHECK(find(1019) == Offset{19});
  CHECK(find(1020) == Offset{20});
  CHECK(find(5005) == Offset{25});
  CHECK(find(6000) == kNoOffset);
}

}  // namespace
}  // namespace strandline
