#include "storage/log/partition_log.h"

#include "tests/unit/storage/log/log_harness.h"

namespace strandline {
namespace {

LogConfig segments_of(std::int64_t bytes) { return {.segment_bytes = bytes}; }

TEST_CASE("PartitionLog: a new log is empty and has one segment", "[log]") {
  LogHarness t;
  CHECK(t.log->log_start_offset() == Offset{0});
  CHECK(t.log->log_end_offset() == Offset{0});
  CHECK(t.log->segment_count() == 1);
  CHECK(t.has(file_of(0, ".log")));
  CHECK(t.reports.nothing());
}

TEST_CASE("PartitionLog: the leader gives a batch its offset and its epoch", "[log]") {
  LogHarness t;
  t.epoch = LeaderEpoch{4};
  CHECK(t.append(records(3)).last_offset == Offset{2});
  const AppendInfo second = t.append({.times = {1, 2}, .base_offset = 99, .leader_epoch = 77});
  CHECK(second.base_offset == Offset{3});
  CHECK(second.last_offset == Offset{4});
  CHECK(t.log->log_end_offset() == Offset{5});
  CHECK(t.read_all() == std::vector<std::int64_t>{0, 3});
  auto expected = make_batch({.times = {1, 2}, .base_offset = 3, .leader_epoch = 4});
  const auto bytes = t.bytes_of(file_of(0, ".log"));
  CHECK(std::equal(expected.rbegin(), expected.rend(), bytes.rbegin()));
}

TEST_CASE("PartitionLog: a leader of an older epoch is fenced", "[log]") {
  LogHarness t;
  t.epoch = LeaderEpoch{4};
  t.append();
  t.epoch = LeaderEpoch{3};
  CHECK(t.try_append().error() == Errc::fenced_leader_epoch);
  CHECK(t.log->log_end_offset() == Offset{1});
  t.epoch = LeaderEpoch{5};
  t.append();
  CHECK(t.log->epoch_end_offset(LeaderEpoch{4}).end_offset == Offset{1});
  CHECK(t.log->epoch_end_offset(LeaderEpoch{5}).end_offset == Offset{2});
}

TEST_CASE("PartitionLog: a term without a batch fences older leaders as well", "[log]") {
  LogHarness t;
  t.append();
  t.log->on_new_leader_epoch(LeaderEpoch{2});
  CHECK(t.try_append().error() == Errc::fenced_leader_epoch);
  CHECK(t.log->epoch_end_offset(LeaderEpoch{2}).end_offset == Offset{1});
}

TEST_CASE("PartitionLog: a follower takes a leader's batch as it is, at the log end only",
          "[log]") {
  LogHarness t;
  const auto append = [&](const BatchSpec& spec) {
    const auto batch = make_batch(spec);
    return t.log->append_as_follower(batch, parse_batch(batch).value(), t.now, false);
  };
  REQUIRE(append({.times = {1, 2}, .leader_epoch = 3}).has_value());
  CHECK(append({.base_offset = 1, .leader_epoch = 3}).error() == Errc::offset_out_of_range);
  CHECK(append({.base_offset = 3, .leader_epoch = 3}).error() == Errc::offset_out_of_range);
  CHECK(append({.base_offset = 2, .leader_epoch = 2}).error() == Errc::fenced_leader_epoch);
  REQUIRE(append({.base_offset = 2, .leader_epoch = 6}).has_value());
  auto expected = make_batch({.times = {1, 2}, .leader_epoch = 3});
  const auto second = make_batch({.base_offset = 2, .leader_epoch = 6});
  expected.insert(expected.end(), second.begin(), second.end());
  CHECK(t.bytes_of(file_of(0, ".log")) == expected);
}

TEST_CASE("PartitionLog: a batch that does not fit begins the next segment whole", "[log]") {
  const std::size_t batch = make_batch({}).size();
  LogHarness t{segments_of(static_cast<std::int64_t>(3 * batch))};
  t.append_many(3);
  CHECK(t.log->segment_count() == 1);  // full to the last byte
  t.append();
  CHECK(t.log->segment_count() == 2);
  CHECK(t.size_of(file_of(0, ".log")) == 3 * batch);
  CHECK(t.size_of(file_of(3, ".log")) == batch);
  CHECK(t.log->size_bytes() == 4 * batch);
  CHECK(t.read_all() == std::vector<std::int64_t>{0, 1, 2, 3});
}

TEST_CASE("PartitionLog: a batch larger than a segment gets one of its own", "[log]") {
  LogHarness t{segments_of(1000)};
  t.append({.value_bytes = 5000});
  t.append({.value_bytes = 5000});
  t.append();
  CHECK(t.log->segment_count() == 3);
  CHECK(t.read_all() == std::vector<std::int64_t>{0, 1, 2});
}

TEST_CASE("PartitionLog: a segment is rolled when its first batch is segment.ms old", "[log]") {
  LogHarness t{{.segment_ms = 1000}};
  t.append();
  t.now = kStartOfTests + 999;
  t.append();
  CHECK(t.log->segment_count() == 1);
  t.now = kStartOfTests + 1000;
  t.append();
  CHECK(t.log->segment_count() == 2);
  CHECK(t.has(file_of(2, ".log")));
}

TEST_CASE("PartitionLog: a segment is rolled when its offset index is full", "[log]") {
  LogHarness t{{.index_interval_bytes = 1, .segment_index_bytes = 3 * 8}};
  // The first batch, at position 0, needs no row.
  t.append_many(4);
  CHECK(t.log->segment_count() == 1);
  t.append();
  CHECK(t.log->segment_count() == 2);
}

TEST_CASE("PartitionLog: a write that fails is cut off, and the log goes on", "[log]") {
  LogHarness t;
  t.append();
  t.sync();
  const std::uint64_t size = t.log->size_bytes();
  t.disk.plan({.call = DiskCall::write, .nth = 1, .error = ENOSPC, .path_part = ".log"});
  CHECK(t.try_append(from_producer(9, 0)).error() == boost::system::errc::no_space_on_device);
  CHECK_FALSE(t.log->is_offline());
  CHECK(t.log->log_end_offset() == Offset{1});
  CHECK(t.size_of(file_of(0, ".log")) == size);
  CHECK_FALSE(t.is_duplicate(9, 0));
  t.append(from_producer(9, 0));
  t.sync();
  CHECK(t.read_all() == std::vector<std::int64_t>{0, 1});
}

TEST_CASE("PartitionLog: staged batches follow each other, and enter the log together", "[log]") {
  LogHarness t;
  t.append();
  auto first = make_batch(records(3));
  auto second = make_batch(from_producer(9, 0));
  auto third = make_batch(from_producer(9, 1));
  const std::uint64_t writes = t.disk.count(DiskCall::write);
  CHECK(t.try_stage(first).value().base_offset == Offset{1});
  CHECK(t.try_stage(second).value().base_offset == Offset{4});
  CHECK(t.try_stage(third).value().base_offset == Offset{5});
  CHECK(t.is_duplicate(9, 1));  // what comes behind it has to go on from there
  CHECK(t.log->log_end_offset() == Offset{1});
  CHECK(t.disk.count(DiskCall::write) == writes);
  REQUIRE(t.log->write_staged().has_value());
  CHECK(t.log->log_end_offset() == Offset{6});
  CHECK(t.disk.count(DiskCall::write) == writes + 1);
  REQUIRE(t.log->write_staged().has_value());  // nothing is left
  CHECK(t.disk.count(DiskCall::write) == writes + 1);
  t.sync();
  CHECK(t.read_all() == std::vector<std::int64_t>{0, 1, 4, 5});
  t.restart();
  CHECK(t.is_duplicate(9, 1));
}

TEST_CASE("PartitionLog: staged batches whose write fails are all out of the log", "[log]") {
  LogHarness t;
  t.append(from_producer(9, 0));
  t.sync();
  const std::uint64_t size = t.log->size_bytes();
  auto second = make_batch(from_producer(9, 1));
  auto third = make_batch(from_producer(9, 2));
  auto other = make_batch(from_producer(8, 0));
  for (auto* batch : {&second, &third, &other}) REQUIRE(t.try_stage(*batch).has_value());
  t.disk.plan({.call = DiskCall::write, .nth = 1, .error = ENOSPC, .path_part = ".log"});
  CHECK(t.log->write_staged().error() == boost::system::errc::no_space_on_device);
  CHECK_FALSE(t.log->is_offline());
  CHECK(t.log->log_end_offset() == Offset{1});
  CHECK(t.size_of(file_of(0, ".log")) == size);
  CHECK(t.is_duplicate(9, 0));
  CHECK_FALSE(t.is_duplicate(9, 1));
  CHECK_FALSE(t.is_duplicate(8, 0));
  CHECK(t.log->producers().size() == 1);
  t.append(from_producer(9, 1));  // as its producer sends it again
  t.append(from_producer(8, 0));
  t.sync();
  CHECK(t.read_all() == std::vector<std::int64_t>{0, 1, 2});
}

TEST_CASE("PartitionLog: a write that fails reads nothing of a log that may be long", "[log]") {
  LogHarness t;
  for (int i = 0; i < 8; ++i) t.append(from_producer(9 + i % 2, i / 2));
  auto next = make_batch(from_producer(9, 4));
  REQUIRE(t.try_stage(next).has_value());
  const std::uint64_t reads = t.disk.count(DiskCall::read);
  t.disk.plan({.call = DiskCall::write, .nth = 1, .error = ENOSPC, .path_part = ".log"});
  CHECK(t.log->write_staged().error() == boost::system::errc::no_space_on_device);
  CHECK(t.disk.count(DiskCall::read) == reads);
  CHECK(t.is_duplicate(9, 3));
  CHECK_FALSE(t.is_duplicate(9, 4));
}

TEST_CASE("PartitionLog: a dropped producer is known again when the write fails", "[log]") {
  LogHarness t{{.producers_max = 1}};
  t.append(from_producer(9, 0));
  auto other = make_batch(from_producer(8, 0));
  REQUIRE(t.try_stage(other).has_value());
  t.disk.plan({.call = DiskCall::write, .nth = 1, .error = ENOSPC, .path_part = ".log"});
  CHECK(t.log->write_staged().error() == boost::system::errc::no_space_on_device);
  CHECK(t.is_duplicate(9, 0));
  CHECK_FALSE(t.is_duplicate(8, 0));
}

TEST_CASE("PartitionLog: a failed write whose producers cannot be read back takes the log offline",
          "[log]") {
  LogHarness t{{.producers_max = 1}};
  t.append(from_producer(9, 0));
  auto other = make_batch(from_producer(8, 0));  // the first one's place is taken
  REQUIRE(t.try_stage(other).has_value());
  t.disk.plan({.call = DiskCall::write, .nth = 1, .error = ENOSPC, .path_part = ".log"});
  t.disk.plan({.call = DiskCall::read, .nth = 1, .repeat = 100});
  CHECK(t.log->write_staged().error() == boost::system::errc::no_space_on_device);
  CHECK(t.log->is_offline());
}

TEST_CASE("PartitionLog: nothing is staged on a log that a sync took offline", "[log]") {
  LogHarness t;
  t.append();
  auto batch = make_batch(from_producer(9, 0));
  REQUIRE(t.try_stage(batch).has_value());
  t.disk.plan({.call = DiskCall::sync});
  auto job = t.log->begin_sync();
  t.log->finish_sync(*job, run(*job));
  CHECK(t.log->write_staged().error() == Errc::log_offline);
  CHECK(t.log->log_end_offset() == Offset{1});
  CHECK(t.try_stage(batch).error() == Errc::log_offline);
}

TEST_CASE("PartitionLog: what is staged counts towards the size of its segment", "[log]") {
  LogHarness t{two_a_segment()};
  auto first = make_batch({});
  auto second = make_batch({});
  auto third = make_batch({});
  const BatchHeader header = parse_batch(third).value();
  REQUIRE(t.try_stage(first).has_value());
  CHECK_FALSE(t.log->must_roll(header, t.now));
  REQUIRE(t.try_stage(second).has_value());
  CHECK(t.log->must_roll(header, t.now));
  REQUIRE(t.log->write_staged().has_value());
  REQUIRE(t.try_stage(third).has_value());
  REQUIRE(t.log->write_staged().has_value());
  CHECK(t.log->segment_count() == 2);
  t.sync();
  CHECK(t.read_all() == std::vector<std::int64_t>{0, 1, 2});
}

TEST_CASE("PartitionLog: a failed write that cannot be cut off takes the log offline", "[log]") {
  LogHarness t;
  t.append();
  t.disk.plan({.call = DiskCall::write, .nth = 1, .path_part = ".log"});
  t.disk.plan({.call = DiskCall::truncate, .nth = 1, .path_part = ".log"});
  CHECK(t.try_append().has_error());
  CHECK(t.log->is_offline());
  CHECK(t.try_append().error() == Errc::log_offline);
  CHECK_FALSE(t.log->begin_sync().has_value());
  CHECK(t.log->truncate_to(Offset{0}).error() == Errc::log_offline);
  CHECK(t.log->write_indexes().error() == Errc::log_offline);
}

TEST_CASE("PartitionLog: a roll for which there is no room fails that append only", "[log]") {
  LogHarness t{segments_of(400)};
  t.append_many(2);
  t.disk.plan({.call = DiskCall::open, .nth = 1, .error = ENOSPC, .path_part = ".log"});
  CHECK(t.try_append().error() == boost::system::errc::no_space_on_device);
  CHECK_FALSE(t.log->is_offline());
  CHECK(t.log->segment_count() == 1);
  t.append();
  CHECK(t.log->segment_count() == 2);
  CHECK(t.read_all() == std::vector<std::int64_t>{0, 1, 2});
}

TEST_CASE("PartitionLog: sealed segments are handed out once for their digests", "[log]") {
  LogHarness t{segments_of(400)};
  t.append_many(5);
  const auto jobs = t.log->take_seal_jobs();
  REQUIRE(jobs.size() == 2);
  CHECK(jobs[0].segment->base_offset() == Offset{0});
  CHECK(jobs[0].end_offset == Offset{2});
  CHECK(jobs[1].end_offset == Offset{4});
  CHECK(t.log->take_seal_jobs().empty());
}

TEST_CASE("PartitionLog: readers of committed records stop at the oldest open transaction",
          "[log]") {
  LogHarness t;
  t.append();
  const auto transactional = [&] {
    BatchBuilder builder;
    builder.append({.value = as_bytes("v"), .timestamp = Timestamp{1}});
    Compressor compressor;
    std::vector<std::byte> batch;
    builder.build({.producer_id = ProducerId{9},
                   .producer_epoch = ProducerEpoch{0},
                   .base_sequence = Sequence{0},
                   .transactional = true},
                  compressor, batch);
    return batch;
  };
  auto batch = transactional();
  REQUIRE(t.log->append_as_leader(batch, parse_batch(batch).value(), t.epoch, t.now).has_value());
  t.append();
  t.sync();
  CHECK(t.log->high_watermark() == Offset{3});
  CHECK(t.log->last_stable_offset() == Offset{1});
  auto marker = build_marker(ControlType::commit, ProducerId{9}, ProducerEpoch{0}, 1, Timestamp{5});
  REQUIRE(t.log->append_as_leader(marker, parse_batch(marker).value(), t.epoch, t.now).has_value());
  CHECK(t.log->last_stable_offset() == Offset{3});
}

TEST_CASE("PartitionLog: a producer snapshot is wanted after 16 MiB of appends", "[log]") {
  LogHarness t;
  t.append_many(16, {.value_bytes = (1 << 20) - 200});
  CHECK_FALSE(t.log->wants_producer_snapshot());
  t.append({.value_bytes = 4000});
  CHECK(t.log->wants_producer_snapshot());
  t.log->producer_snapshot_written(t.log->log_end_offset());
  CHECK_FALSE(t.log->wants_producer_snapshot());
  CHECK(t.log->checkpoint().producer_state_offset == Offset{17});
}

}  // namespace
}  // namespace strandline
