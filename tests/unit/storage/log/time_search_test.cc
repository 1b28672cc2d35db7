// Looking for records by their time.
#include "tests/unit/storage/log/log_harness.h"

namespace strandline {
namespace {

TimestampOffset find(LogHarness& t, std::int64_t time, std::int64_t end = INT64_MAX) {
  const auto found = find_by_time(t.log->plan_time_search(Timestamp{time}, Offset{end}));
  REQUIRE(found.has_value());
  return found.value();
}

void check(const TimestampOffset& found, std::int64_t time, std::int64_t offset) {
  CHECK(found.timestamp == Timestamp{time});
  CHECK(found.offset == Offset{offset});
}

TEST_CASE("time search: exact to the record inside a batch, whatever the codec", "[time]") {
  for (const Codec codec : {Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
    LogHarness t;
    t.epoch = LeaderEpoch{6};
    t.append({.times = {100, 110, 120}, .codec = codec});
    t.append({.times = {200, 190, 230}, .codec = codec});
    check(find(t, 0), 100, 0);
    check(find(t, 100), 100, 0);
    check(find(t, 101), 110, 1);
    check(find(t, 120), 120, 2);
    check(find(t, 121), 200, 3);
    check(find(t, 195), 200, 3);
    check(find(t, 201), 230, 5);
    check(find(t, 231), -1, -1);
    CHECK(find(t, 101).leader_epoch == LeaderEpoch{6});
    CHECK(find(t, 231).leader_epoch == kNoLeaderEpoch);
  }
}

TEST_CASE("time search: the first in offset order, also when times go back", "[time]") {
  LogHarness t{{.index_interval_bytes = 1}};
  for (const std::int64_t time : {100, 500, 200, 300, 600}) t.append({.times = {time}});
  check(find(t, 150), 500, 1);
  check(find(t, 550), 600, 4);
}

TEST_CASE("time search: the greatest time, the first record that has it", "[time]") {
  LogHarness t;
  check(find(t, -1), -1, -1);  // an empty log has none
  t.append({.times = {100, 700, 300}});
  t.append({.times = {700, 400}});
  check(find(t, -1), 700, 1);
  t.append({.times = {701}});
  check(find(t, -1), 701, 5);
}

TEST_CASE("time search: through all segments, oldest first", "[time]") {
  LogHarness t{{.segment_bytes = 400, .index_interval_bytes = 1}};
  for (std::int64_t i = 0; i < 30; ++i) t.append({.times = {1000 + i * 10}});
  REQUIRE(t.log->segment_count() > 5);
  for (std::int64_t i = 0; i < 30; ++i) {
    check(find(t, 1000 + i * 10), 1000 + i * 10, i);
    check(find(t, 991 + i * 10), 1000 + i * 10, i);
  }
  check(find(t, -1), 1290, 29);
}

TEST_CASE("time search: nothing below the log start and nothing beyond the wanted end", "[time]") {
  LogHarness t;
  t.append({.times = {100, 110, 900}});
  t.append({.times = {120, 130}});
  t.sync();
  t.log->delete_records(Offset{1});
  check(find(t, 50), 110, 1);
  check(find(t, -1, 2), 110, 1);
  check(find(t, 111, 2), -1, -1);
  t.log->delete_records(Offset{3});
  check(find(t, 50), 120, 3);
  check(find(t, -1), 130, 4);
}

TEST_CASE("time search: batches of the log's append time have one time for all", "[time]") {
  LogHarness t;
  auto batch = make_batch({.times = {100, 110}});
  assign_log_append_time(batch, Timestamp{555});
  REQUIRE(t.log->append_as_leader(batch, parse_batch(batch).value(), t.epoch, t.now).has_value());
  check(find(t, 105), 555, 0);
  check(find(t, -1), 555, 0);
  check(find(t, 556), -1, -1);
}

TEST_CASE("time search: records without a time and markers are passed over", "[time]") {
  LogHarness t;
  t.append({.times = {-1}});
  auto marker =
      build_marker(ControlType::commit, ProducerId{9}, ProducerEpoch{0}, 1, Timestamp{500});
  REQUIRE(t.log->append_as_leader(marker, parse_batch(marker).value(), t.epoch, t.now).has_value());
  t.append({.times = {300}});
  check(find(t, 0), 300, 2);
  check(find(t, 400), -1, -1);
  check(find(t, -1), 300, 2);
}

TEST_CASE("time search: the same after a restart, from the files alone", "[time]") {
  LogHarness t{{.segment_bytes = 1000, .index_interval_bytes = 1}};
  for (std::int64_t i = 0; i < 30; ++i) t.append({.times = {1000 + i * 10, 1005 + i * 10}});
  t.sync();
  REQUIRE(t.log->write_indexes().has_value());
  t.checkpoint();
  for (const bool known : {true, false}) {
    if (!known) t.forget_checkpoint();
    t.restart();
    for (std::int64_t i = 0; i < 30; ++i) {
      check(find(t, 1000 + i * 10), 1000 + i * 10, 2 * i);
      check(find(t, 1001 + i * 10), 1005 + i * 10, 2 * i + 1);
    }
    check(find(t, -1), 1295, 59);
  }
}

TEST_CASE("time search: a damaged batch is an error, not a later record", "[time]") {
  LogHarness t;
  for (const std::int64_t time : {100, 200, 300}) t.append({.times = {time}});
  t.sync();
  t.damage_file(file_of(0, ".log"), make_batch({.times = {100}}).size() + 90);
  const auto found = find_by_time(t.log->plan_time_search(Timestamp{150}, Offset{3}));
  REQUIRE(found.has_error());
  CHECK(found.error() == Errc::corrupt_batch);
  REQUIRE(t.reports.damages.size() == 1);
  CHECK(t.reports.damages[0].offset == Offset{1});
}

}  // namespace
}  // namespace strandline
