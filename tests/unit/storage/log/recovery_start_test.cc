// What a recovery makes of the log start that the checkpoint knows.
#include "tests/unit/storage/log/log_harness.h"

namespace strandline {
namespace {

using Bases = std::vector<std::int64_t>;

// What was deleted had never been synced (flush.on.ack=false), and the power takes it.
void delete_unsynced_records(LogHarness& t) {
  t.append_many(2);
  t.sync();
  t.append_many(4);
  t.log->set_high_watermark(Offset{6});
  t.log->delete_records(Offset{5});
  t.checkpoint();
  REQUIRE(t.point.state.flushed_end == Offset{2});
  t.lose_power();
}

TEST_CASE("recovery: a log that ends below its start goes on at its start", "[recovery]") {
  for (const LogConfig& config : {LogConfig{}, two_a_segment()}) {
    LogHarness t{config};
    delete_unsynced_records(t);
    CHECK(t.log->log_start_offset() == Offset{5});
    CHECK(t.log->log_end_offset() == Offset{5});
    CHECK(t.log->segment_count() == 1);
    CHECK(t.reports.damages.empty());
    CHECK(t.append().base_offset == Offset{5});
  }
}

TEST_CASE("recovery: going on at the log start may be interrupted at any change of the disk",
          "[recovery]") {
  int interrupted = 0;
  for (const CrashModel& model :
       {CrashModel::process_kill(), CrashModel::power_loss(),
        CrashModel::power_loss_keeping_names(), CrashModel::power_loss_torn()}) {
    for (int point = 1, ended = 1; ended != 0; ++point) {
      LogHarness t{two_a_segment()};
      t.append_many(3);
      t.sync();
      t.append_many(4);
      t.log->set_high_watermark(Offset{7});
      t.log->delete_records(Offset{6});
      t.checkpoint();
      t.end_process(CrashModel::power_loss_torn());
      int calls = 0;
      t.disk.on_operation([&](DiskCall call, const std::string&) {
        const bool looks = call == DiskCall::read || call == DiskCall::size ||
                           call == DiskCall::list || call == DiskCall::exists;
        if (!looks && ++calls == point) throw CrashNow{};
      });
      ended = 0;
      try {
        t.open();
      } catch (const CrashNow&) {
        ended = 1;
        ++interrupted;
      }
      t.disk.on_operation(nullptr);
      t.lose_power(model);
      CHECK(t.log->log_start_offset() == Offset{6});
      const std::int64_t end = t.append().base_offset.value();
      t.sync();
      t.lose_power();
      CHECK(t.read_all().back() == end);
      CHECK(t.log->log_end_offset() == Offset{end + 1});
    }
  }
  CHECK(interrupted > 40);
}

TEST_CASE("recovery: what is acknowledged after such a start is readable after the next",
          "[recovery]") {
  LogHarness t;
  delete_unsynced_records(t);
  t.append_many(2);
  t.sync();
  t.lose_power();  // before a checkpoint is written
  CHECK(t.log->log_end_offset() == Offset{7});
  CHECK(t.read_all() == Bases{5, 6});
}

TEST_CASE("recovery: segments wholly below the log start do not come back", "[recovery]") {
  LogHarness t{two_a_segment()};
  t.append_many(5);
  t.sync();
  t.log->delete_records(Offset{4});
  REQUIRE(t.log->segment_count() == 1);
  t.checkpoint();
  t.lose_power();  // the names of the dropped files were not synced yet
  CHECK(t.log->segment_count() == 1);
  REQUIRE(t.log->drop_given_up(Offset{4}).has_value());  // a checkpoint of this process is written
  CHECK_FALSE(t.has(file_of(0, ".log")));
  CHECK(t.read_all() == Bases{4});
}

TEST_CASE("recovery: a log without segments knows no terms beyond its start", "[recovery]") {
  LogHarness t;
  t.epoch = LeaderEpoch{1};
  t.append_many(3);
  t.epoch = LeaderEpoch{4};
  t.append();
  t.checkpoint();
  t.lose_power();  // not even the segment's name was synced
  CHECK(t.log->log_end_offset() == Offset{0});
  CHECK(t.log->epochs().starts().empty());
  t.append();
  CHECK(t.log->epoch_end_offset(LeaderEpoch{4}).end_offset == Offset{1});
  CHECK(t.log->epoch_end_offset(LeaderEpoch{1}).end_offset == kNoOffset);
}

}  // namespace
}  // namespace strandline
