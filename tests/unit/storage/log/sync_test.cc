// Syncs of a PartitionLog, and what they let the checkpoint say.
#include "tests/unit/storage/log/log_harness.h"

namespace strandline {
namespace {

TEST_CASE("PartitionLog: a sync makes safe what was appended before it began", "[sync]") {
  LogHarness t;
  t.append_many(2);
  const auto job = t.log->begin_sync();
  REQUIRE(job.has_value());
  CHECK(job->end == Offset{2});
  t.append();
  CHECK_FALSE(t.log->begin_sync().has_value());  // one at a time
  CHECK(t.log->flushed_end() == Offset{0});
  t.log->finish_sync(*job, run(*job));
  CHECK(t.log->flushed_end() == Offset{2});
  t.sync();
  CHECK(t.log->flushed_end() == Offset{3});
  CHECK_FALSE(t.log->begin_sync().has_value());  // there is nothing more to do
}

TEST_CASE("PartitionLog: what a sync covered survives a power loss, new segments as well",
          "[sync]") {
  LogHarness t{{.segment_bytes = 400}};
  t.append_many(5);
  const auto job = t.log->begin_sync();
  REQUIRE(job.has_value());
  CHECK(job->files.size() == 3);
  CHECK(job->sync_directory);
  CHECK(job->bytes == t.log->size_bytes());
  t.log->finish_sync(*job, run(*job));
  t.append();
  t.lose_power();
  CHECK(t.read_all() == std::vector<std::int64_t>{0, 1, 2, 3, 4});
}

TEST_CASE("PartitionLog: a failed sync takes the log offline and is never repeated", "[sync]") {
  LogHarness t;
  t.append();
  t.sync();
  t.append();
  const auto job = t.log->begin_sync();
  REQUIRE(job.has_value());
  t.disk.plan({.call = DiskCall::sync, .nth = 1});
  t.log->finish_sync(*job, run(*job));
  CHECK(t.log->is_offline());
  CHECK(t.log->flushed_end() == Offset{1});
  CHECK(t.try_append().error() == Errc::log_offline);
  CHECK_FALSE(t.log->begin_sync().has_value());
  CHECK(t.log->checkpoint().flushed_end == Offset{1});
}

TEST_CASE("PartitionLog: a sync of the directory that fails takes the log offline", "[sync]") {
  LogHarness t;
  t.append();
  const auto job = t.log->begin_sync();
  REQUIRE(job.has_value());
  t.disk.plan({.call = DiskCall::sync_directory, .nth = 1});
  t.log->finish_sync(*job, run(*job));
  CHECK(t.log->is_offline());
  CHECK(t.log->flushed_end() == Offset{0});
}

TEST_CASE("PartitionLog: the checkpoint knows the flushed end, not the appended one", "[sync]") {
  LogHarness t;
  t.epoch = LeaderEpoch{2};
  t.append_many(4);
  t.sync();
  t.log->set_high_watermark(Offset{4});
  t.log->delete_records(Offset{3});
  t.append();
  const PartitionCheckpoint known = t.log->checkpoint();
  CHECK(known.flushed_end == Offset{4});
  CHECK(known.log_start == Offset{3});
  CHECK(known.high_watermark == Offset{4});
  CHECK(known.epochs == std::vector{EpochStart{LeaderEpoch{2}, Offset{3}}});
}

TEST_CASE("PartitionLog: unsynced bytes are those appended since the last sync began", "[sync]") {
  LogHarness t;
  t.append();
  CHECK(t.log->unsynced_bytes() == make_batch({}).size());
  const auto job = t.log->begin_sync();
  REQUIRE(job.has_value());
  CHECK(t.log->unsynced_bytes() == 0);
  t.append_many(2);
  CHECK(t.log->unsynced_bytes() == 2 * make_batch({}).size());
  t.log->finish_sync(*job, run(*job));
}

}  // namespace
}  // namespace strandline
