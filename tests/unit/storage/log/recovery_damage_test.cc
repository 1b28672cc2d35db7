// Opening a PartitionLog whose records below the recovery point are damaged or missing.
#include "storage/producer/snapshot.h"
#include "tests/unit/storage/log/log_harness.h"

namespace strandline {
namespace {

using Bases = std::vector<std::int64_t>;

const std::uint64_t kBatch = plain_batch_bytes();

// What is at `position` of the segment from `base` on is damaged; opening has to be refused.
void check_refused(LogHarness& t, const std::string& file, std::uint64_t position) {
  const auto before = t.files();
  const std::uint64_t size = t.has(file) ? t.size_of(file) : 0;
  CHECK(t.try_open() == Errc::corrupt_file);
  REQUIRE_FALSE(t.reports.damages.empty());
  CHECK(t.reports.damages[0].file == file);
  CHECK(t.reports.damages[0].position == position);
  CHECK(t.reports.cuts.empty());
  CHECK((t.has(file) ? t.size_of(file) : 0) == size);
  std::vector<std::string> logs;
  for (const auto& name : t.files()) {
    if (name.find(".cut") != std::string::npos || name.find(".deleted") != std::string::npos) {
      logs.push_back(name);
    }
  }
  CHECK(logs.empty());
}

TEST_CASE("recovery: a log that ends below the recovery point is damage, and nothing is cut",
          "[recovery]") {
  for (const std::uint64_t left : {std::uint64_t{0}, std::uint64_t{30}, kBatch - 1}) {
    LogHarness t;
    t.append_many(4);
    t.sync();
    t.checkpoint();
    t.end_process();
    t.cut_file(file_of(0, ".log"), 2 * kBatch + left);
    check_refused(t, file_of(0, ".log"), 2 * kBatch);
    CHECK(t.reports.damages[0].offset == Offset{2});
  }
}

TEST_CASE("recovery: a segment without its predecessor's end below the point is damage",
          "[recovery]") {
  LogHarness t{two_a_segment()};
  t.append_many(6);
  t.sync();
  t.checkpoint();
  t.end_process();
  REQUIRE(t.disk.remove(file_of(2, ".log")).has_value());
  check_refused(t, file_of(0, ".log"), 2 * kBatch);
}

TEST_CASE("recovery: a missing oldest segment is damage, not retention", "[recovery]") {
  LogHarness t{two_a_segment()};
  t.append_many(6);
  t.sync();
  t.log->delete_records(Offset{2});
  t.checkpoint();
  REQUIRE(t.log->drop_given_up(Offset{2}).has_value());
  t.end_process();
  REQUIRE(t.disk.remove(file_of(2, ".log")).has_value());
  CHECK(t.try_open() == Errc::corrupt_file);
  REQUIRE(t.reports.damages.size() == 1);
  CHECK(t.reports.damages[0].file == kDirectory);
  CHECK(t.reports.damages[0].offset == Offset{2});
  CHECK(t.reports.damages[0].found == "the first begins at offset 4");
  CHECK(t.has(file_of(4, ".log")));
  // A checkpoint that may lack what was written last proves nothing.
  t.point.log_start_is_exact = false;
  CHECK_FALSE(t.try_open());
  CHECK(t.log->log_start_offset() == Offset{4});
}

TEST_CASE("recovery: an emptied segment below the recovery point is damage", "[recovery]") {
  LogHarness t{two_a_segment()};
  t.append_many(5);
  t.sync();
  t.checkpoint();
  t.end_process();
  t.cut_file(file_of(2, ".log"), 0);
  check_refused(t, file_of(2, ".log"), 0);
}

TEST_CASE("recovery: a missing newest segment below the recovery point is damage", "[recovery]") {
  LogHarness t{two_a_segment()};
  t.append_many(5);
  t.sync();
  t.checkpoint();
  t.end_process();
  REQUIRE(t.disk.remove(file_of(4, ".log")).has_value());
  check_refused(t, file_of(2, ".log"), 2 * kBatch);
}

TEST_CASE("recovery: records without any segment left are damage", "[recovery]") {
  LogHarness t;
  t.append_many(2);
  t.sync();
  t.checkpoint();
  t.end_process();
  REQUIRE(t.disk.remove(file_of(0, ".log")).has_value());
  CHECK(t.try_open() == Errc::corrupt_file);
  REQUIRE(t.reports.damages.size() == 1);
  CHECK(t.reports.damages[0].file == kDirectory);
}

TEST_CASE("recovery: damage below the recovery point is found by its reader, not cut",
          "[recovery]") {
  LogHarness t{two_a_segment()};
  t.append_many(5);
  t.sync();
  t.checkpoint();
  t.end_process();
  t.damage_file(file_of(0, ".log"), kBatch + 80);
  t.open();
  CHECK(t.size_of(file_of(0, ".log")) == 2 * kBatch);
  CHECK(t.read(0) == Bases{0});
  CHECK(t.try_read(1).error() == Errc::corrupt_batch);
  CHECK(t.read(2) == Bases{2, 3});
}

TEST_CASE("recovery: a segment that goes on beyond the next one's begin is damage", "[recovery]") {
  LogHarness t{two_a_segment()};
  t.append_many(5);
  t.sync();
  t.checkpoint();
  t.end_process();
  t.write_file(file_of(0, ".log"), 2 * kBatch, make_batch({.base_offset = 2}));
  REQUIRE(t.disk.remove(file_of(0, ".arrivals")).has_value());
  check_refused(t, file_of(0, ".log"), 3 * kBatch);
  CHECK(t.has(file_of(4, ".log")));
}

// Offsets 0 and 1 in a segment whose file lost the second; 2 to 4 behind it. All of it was safe.
void lose_end_of_sealed_segment(LogHarness& t, bool snapshot) {
  for (std::int64_t i = 0; i < 5; ++i) t.append({.times = {1000 + i}});
  t.sync();
  REQUIRE(t.log->write_indexes().has_value());
  if (snapshot) {
    REQUIRE(write_producer_snapshot(t.disk, kDirectory, t.log->producer_snapshot(),
                                    Replacement::durable)
                .has_value());
  }
  t.checkpoint();
  t.end_process();
  t.cut_file(file_of(0, ".log"), kBatch);
}

TEST_CASE("recovery: the lost end of a sealed segment is damage to who reads it", "[recovery]") {
  LogHarness t{two_a_segment()};
  lose_end_of_sealed_segment(t, true);
  t.open();
  for (int attempt = 0; attempt < 2; ++attempt) {
    t.reports.clear();
    const auto good = t.try_read(0);
    REQUIRE(good.has_value());
    CHECK(t.batches_of(good.value()) == Bases{0});
    CHECK(good.value().next_offset == Offset{1});
    const auto lost = t.try_read(1);
    REQUIRE(lost.has_error());
    CHECK(lost.error() == Errc::corrupt_batch);
    REQUIRE(t.reports.damages.size() == 1);
    CHECK(t.reports.damages[0].file == file_of(0, ".log"));
    CHECK(t.reports.damages[0].position == kBatch);
    CHECK(t.reports.damages[0].offset == Offset{1});
  }
  CHECK(t.read(2) == Bases{2, 3});
}

TEST_CASE("recovery: a time that lay in the lost end of a segment is no later record's",
          "[recovery]") {
  LogHarness t{two_a_segment()};
  lose_end_of_sealed_segment(t, true);
  t.open();
  const auto find = [&](std::int64_t time) {
    return find_by_time(t.log->plan_time_search(Timestamp{time}, Offset{5}));
  };
  CHECK(find(1000).value().offset == Offset{0});
  CHECK(find(1001).error() == Errc::corrupt_batch);
  CHECK(find(1002).value().offset == Offset{2});
}

TEST_CASE("recovery: no producer is fenced by a header with a turned bit", "[recovery]") {
  LogHarness t;
  t.append(from_producer(9, 0));
  t.append(from_producer(9, 1));
  t.sync();
  t.checkpoint();
  const auto second = static_cast<std::uint64_t>(t.size_of(file_of(0, ".log"))) / 2;
  t.end_process();
  SECTION("what it says does not follow: the log is damaged") {
    constexpr std::uint64_t kProducerEpoch = 51;
    t.damage_file(file_of(0, ".log"), second + kProducerEpoch);
    check_refused(t, file_of(0, ".log"), second);
  }
  SECTION("its records are damaged, and who sent them is known") {
    t.damage_file(file_of(0, ".log"), second + kBatchHeaderBytes + 2);
    t.open();
    CHECK(t.is_duplicate(9, 1));
    CHECK(t.try_read(1).error() == Errc::corrupt_batch);
  }
}

TEST_CASE("recovery: producers are not replayed from a segment that lost its end", "[recovery]") {
  LogHarness t{two_a_segment()};
  lose_end_of_sealed_segment(t, false);
  check_refused(t, file_of(0, ".log"), kBatch);
}

}  // namespace
}  // namespace strandline
