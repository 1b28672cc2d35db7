#include "storage/log/segment.h"

#include "tests/unit/storage/log/log_harness.h"

namespace strandline {
namespace {

// A segment from offset 100 on, with a row of the index for every batch but the first.
struct SegmentHarness {
  SegmentHarness() {
    REQUIRE(disk.create_directories(kDirectory).has_value());
    segment = make(0);
  }
  std::shared_ptr<Segment> make(std::uint64_t size) {
    auto file = disk.open(file_of(100, ".log"), OpenMode::create_or_open).value();
    return std::make_shared<Segment>(disk, std::string{kDirectory}, Offset{100}, std::move(file),
                                     size, reports);
  }
  void add(std::int64_t time = 1000, std::size_t value_bytes = 50) {
    const auto batch =
        make_batch({.times = {time}, .value_bytes = value_bytes, .base_offset = next_offset});
    places.push_back(segment->size());
    const StagedBatch staged{batch, parse_batch(batch).value(), now};
    REQUIRE(segment->append({&staged, 1}, 1).has_value());
    ++next_offset;
  }
  void reopen() { segment = make(segment->size()); }
  BatchPlace before(std::int64_t offset) {
    return segment->place_before(Offset{offset}, ReadMode::blocking).value();
  }

  SimDisk disk{1};
  Reports reports;
  Timestamp now = kStartOfTests;
  std::int64_t next_offset = 100;
  std::vector<std::uint64_t> places;
  std::shared_ptr<Segment> segment;
};

TEST_CASE("Segment: its files are named by its base offset in 20 digits", "[segment]") {
  SegmentHarness t;
  CHECK(offset_file_stem(Offset{42}) == "00000000000000000042");
  CHECK(t.segment->path(kTimeIndexSuffix) == "orders-0/00000000000000000100.timeindex");
}

TEST_CASE("Segment: knows the times it spans", "[segment]") {
  SegmentHarness t;
  CHECK(t.segment->times().max_timestamp == kNoTimestamp);
  CHECK(t.segment->times().first_append_time == kNoTimestamp);
  t.add(500);
  t.now = t.now + 7;
  t.add(900);
  t.now = t.now - 3;  // a clock that goes back
  t.add(900);
  const SegmentTimes times = t.segment->times();
  CHECK(times.max_timestamp == Timestamp{900});
  CHECK(times.max_timestamp_offset == Offset{101});
  CHECK(times.first_append_time == kStartOfTests);
  CHECK(times.last_append_time == kStartOfTests + 7);
}

TEST_CASE("Segment: the index leads to the batch or to one before it", "[segment]") {
  SegmentHarness t;
  for (int i = 0; i < 20; ++i) t.add();
  for (const bool from_disk : {false, true}) {
    if (from_disk) {
      REQUIRE(t.segment->seal().has_value());
      t.reopen();
    }
    for (std::int64_t offset = 100; offset < 120; ++offset) {
      const BatchPlace place = t.before(offset);
      CHECK(place.offset == Offset{offset});
      CHECK(place.position == t.places[static_cast<std::size_t>(offset - 100)]);
    }
    CHECK(t.before(500).offset == Offset{119});
    const auto by_position =
        t.segment->place_before_position(t.places[7] + 1, ReadMode::blocking).value();
    CHECK(by_position.offset == Offset{107});
  }
  CHECK(t.reports.nothing());
}

TEST_CASE("Segment: an index that names no batch is made anew, and it is said", "[segment]") {
  SegmentHarness t;
  for (int i = 0; i < 20; ++i) t.add();
  REQUIRE(t.segment->seal().has_value());
  REQUIRE(t.disk.open(file_of(100, ".index"), OpenMode::read_write).value()->sync().has_value());
  REQUIRE(t.disk.flip_bit(file_of(100, ".index"), 10 * 8 + 7, 1, true));
  t.reopen();
  CHECK(t.before(111).offset == Offset{111 - 11});  // small batches: no row within 4 KiB
  REQUIRE(t.reports.rebuilds.size() == 1);
  CHECK(t.reports.rebuilds[0].starts_with(file_of(100, ".index")));
}

TEST_CASE("Segment: one too short for index rows misses no index at a start", "[segment]") {
  LogHarness t;
  t.append_many(3);
  t.sync();
  t.checkpoint();
  t.restart();
  REQUIRE_FALSE(t.has(file_of(0, ".index")));
  CHECK(t.read_all().size() == 3);
  CHECK(std::ranges::none_of(t.reports.rebuilds, [](const std::string& said) {
    return said.starts_with(file_of(0, ".index"));
  }));
}

TEST_CASE("Segment: a missing index is made anew by the first look-up", "[segment]") {
  SegmentHarness t;
  for (int i = 0; i < 20; ++i) t.add(1000 + i, 1000);
  REQUIRE(t.segment->seal().has_value());
  for (const char* suffix : {".index", ".timeindex"}) {
    REQUIRE(t.disk.remove(file_of(100, suffix)).has_value());
    t.reports.clear();
    t.reopen();
    const BatchPlace place = t.segment->place_before_time(Timestamp{1015}).value();
    CHECK(place.offset <= Offset{115});
    CHECK(place.offset > Offset{105});
    CHECK(t.reports.rebuilds.size() == 1);
    CHECK(t.disk.exists(file_of(100, suffix)).value());
  }
}

TEST_CASE("Segment: without waiting nothing is opened", "[segment]") {
  SegmentHarness t;
  t.add();
  t.add();
  REQUIRE(t.segment->seal().has_value());
  t.reopen();
  CHECK(t.segment->place_before(Offset{101}, ReadMode::nowait).error() == Errc::would_block);
  t.before(101);
  CHECK(t.segment->place_before(Offset{101}, ReadMode::nowait).value().offset == Offset{101});
}

TEST_CASE("Segment: where a read ended is where the next one begins", "[segment]") {
  SegmentHarness t;
  t.add();
  t.segment->remember(Offset{101}, t.segment->size());
  REQUIRE(t.segment->seal().has_value());
  CHECK(t.before(101).position == t.segment->size());
}

TEST_CASE("Segment: going back to an earlier end forgets rows, times and reads beyond",
          "[segment]") {
  SegmentHarness t;
  for (int i = 0; i < 20; ++i) {
    t.add(1000 + i);
    t.now = t.now + 2000;
  }
  REQUIRE(t.segment->write_indexes().has_value());
  t.segment->remember(Offset{115}, t.places[15]);
  const std::uint64_t size = t.segment->size();
  const auto place = t.segment->restore(Offset{110}, size, kNoTimestamp, 1).value();
  CHECK(place.offset == Offset{110});
  CHECK(place.position == t.places[10]);
  CHECK(t.segment->size() == t.places[10]);
  CHECK(t.segment->times().max_timestamp == Timestamp{1009});
  CHECK(t.segment->times().last_append_time == kStartOfTests + 9 * 2000);
  CHECK(t.before(115).offset == Offset{109});
  CHECK(t.segment->checked().contains(0, t.places[10]));
  CHECK_FALSE(t.segment->checked().contains(0, t.places[10] + 1));
  CHECK(t.reports.nothing());
}

TEST_CASE("Segment: there is no going back to an end that it never had", "[segment]") {
  SegmentHarness t;
  t.add();
  const auto restored = t.segment->restore(Offset{105}, t.segment->size(), kNoTimestamp, 1);
  REQUIRE(restored.has_error());
  CHECK(restored.error() == Errc::corrupt_batch);
  REQUIRE(t.reports.damages.size() == 1);
  CHECK(t.reports.damages[0].position == t.segment->size());
  CHECK(t.reports.damages[0].offset == Offset{101});
}

TEST_CASE("Segment: append times are those of the row at or below an offset", "[segment]") {
  SegmentHarness t;
  for (int i = 0; i < 6; ++i) {
    t.add();
    t.now = t.now + 600;  // a row each second, so not for each batch
  }
  CHECK(t.segment->append_time_of(Offset{100}) == kStartOfTests);
  CHECK(t.segment->append_time_of(Offset{101}) == kStartOfTests);
  CHECK(t.segment->append_time_of(Offset{102}) == kStartOfTests + 1200);
  CHECK(t.segment->append_time_of(Offset{105}) == kStartOfTests + 2400);
  REQUIRE(t.segment->seal().has_value());
  t.reopen();
  CHECK(t.segment->load_times(Offset{106}).value());
  CHECK(t.segment->append_time_of(Offset{102}) == kStartOfTests + 1200);
  CHECK(t.segment->append_time_of(Offset{105}) == kStartOfTests + 3000);
}

TEST_CASE("Segment: times of a sealed segment are not believed unless they reach its end",
          "[segment]") {
  SegmentHarness t;
  t.add(1000);
  t.add(3000);
  REQUIRE(t.segment->seal().has_value());
  t.reopen();
  CHECK_FALSE(t.segment->load_times(Offset{103}).value());
  CHECK(t.segment->load_times(Offset{102}).value());
  CHECK(t.segment->times().max_timestamp == Timestamp{3000});
  REQUIRE(t.disk.remove(file_of(100, ".arrivals")).has_value());
  t.reopen();
  CHECK_FALSE(t.segment->load_times(Offset{102}).value());
}

}  // namespace
}  // namespace strandline
