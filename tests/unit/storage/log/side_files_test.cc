// Helper files of a log that are missing or broken at a start: made again from the records, and
// said so.
#include "storage/producer/snapshot.h"
#include "tests/unit/storage/log/log_harness.h"

namespace strandline {
namespace {

using Bases = std::vector<std::int64_t>;

// Three segments of four batches with times 1000, 1010, …; rows for nearly every batch.
struct SideFileHarness : LogHarness {
  SideFileHarness()
      : LogHarness({.segment_bytes = static_cast<std::int64_t>(4 * make_batch({}).size()),
                    .index_interval_bytes = 1,
                    .retention_ms = -1}) {
    for (std::int64_t i = 0; i < 12; ++i) {
      append({.times = {1000 + i * 10}});
      now = now + 1000;
    }
    sync();
    REQUIRE(log->write_indexes().has_value());
    checkpoint();
    end_process();
  }
  bool said(const std::string& file) const {
    for (const std::string& rebuild : reports.rebuilds) {
      if (rebuild.starts_with(file)) return true;
    }
    return false;
  }
  // Every record is found by offset and by time, and reported is only what was rebuilt.
  void check_whole() {
    CHECK(read_all() == Bases{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
    for (std::int64_t i = 0; i < 12; ++i) {
      CHECK(read(i, i + 1) == Bases{i});
      const auto found =
          find_by_time(log->plan_time_search(Timestamp{995 + i * 10}, Offset{12})).value();
      CHECK(found.offset == Offset{i});
    }
    CHECK(reports.damages.empty());
    CHECK(reports.cuts.empty());
  }
};

TEST_CASE("helper files: whole ones are taken without a word", "[side-files]") {
  SideFileHarness t;
  t.open();
  t.check_whole();
  CHECK(t.reports.nothing());
}

TEST_CASE("helper files: a segment too short for a row of .index misses none", "[side-files]") {
  LogHarness t;
  t.append_many(3);
  t.sync();
  REQUIRE(t.log->write_indexes().has_value());
  t.checkpoint();
  REQUIRE_FALSE(t.has(file_of(0, ".index")));
  t.restart();
  CHECK(t.reports.nothing());
  CHECK(t.read_all() == Bases{0, 1, 2});
}

TEST_CASE("helper files: a missing .index is made again", "[side-files]") {
  for (const std::int64_t base : {0, 8}) {
    SideFileHarness t;
    REQUIRE(t.disk.remove(file_of(base, ".index")).has_value());
    t.open();
    t.check_whole();
    CHECK(t.said(file_of(base, ".index")));
  }
}

TEST_CASE("helper files: a disk that cannot be written keeps nobody from reading", "[side-files]") {
  for (const std::int64_t base : {0, 8}) {
    for (const DiskCall call : {DiskCall::write, DiskCall::truncate}) {
      SideFileHarness t;
      t.cut_file(file_of(base, ".index"), 4);
      t.open();
      t.disk.plan({.call = call, .nth = 1, .repeat = 100, .error = ENOSPC});
      t.check_whole();
    }
  }
}

TEST_CASE("helper files: a missing .timeindex is made again", "[side-files]") {
  for (const std::int64_t base : {0, 8}) {
    SideFileHarness t;
    REQUIRE(t.disk.remove(file_of(base, ".timeindex")).has_value());
    t.open();
    t.check_whole();
    CHECK(t.said(file_of(base, ".index")));  // they are made together
    CHECK(t.has(file_of(base, ".index")));
  }
}

TEST_CASE("helper files: a flipped bit anywhere in an index hides no record", "[side-files]") {
  for (const std::int64_t base : {0, 8}) {
    for (const char* suffix : {".index", ".timeindex"}) {
      const std::uint64_t bytes = [&] {
        SideFileHarness t;
        return t.size_of(file_of(base, suffix));
      }();
      REQUIRE(bytes > 0);
      for (std::uint64_t position = 0; position < bytes; ++position) {
        SideFileHarness t;
        t.damage_file(file_of(base, suffix), position);
        t.open();
        INFO(suffix << " at " << position);
        t.check_whole();
      }
    }
  }
}

TEST_CASE("helper files: an index cut short at any byte hides no record", "[side-files]") {
  for (const std::int64_t base : {0, 8}) {
    for (const char* suffix : {".index", ".timeindex", ".arrivals"}) {
      for (const std::uint64_t bytes : {0U, 1U, 7U, 8U, 12U, 13U, 24U, 33U}) {
        SideFileHarness t;
        if (t.size_of(file_of(base, suffix)) <= bytes) continue;
        t.cut_file(file_of(base, suffix), bytes);
        t.open();
        INFO(suffix << " of " << bytes << " bytes");
        t.check_whole();
      }
    }
  }
}

TEST_CASE("helper files: an index of zeros hides no record", "[side-files]") {
  for (const std::int64_t base : {0, 8}) {
    for (const char* suffix : {".index", ".timeindex"}) {
      SideFileHarness t;
      const std::vector<std::byte> zeros(t.size_of(file_of(base, suffix)));
      t.write_file(file_of(base, suffix), 0, zeros);
      t.open();
      t.check_whole();
      // A row of zeros in .index is right where the first batch has one record.
      if (suffix == std::string_view{".timeindex"}) CHECK(t.said(file_of(base, ".index")));
    }
  }
}

TEST_CASE("helper files: a missing or damaged .arrivals is said; its records stay longer",
          "[side-files]") {
  for (const bool missing : {true, false}) {
    for (const std::int64_t base : {0, 8}) {
      SideFileHarness t;
      if (missing) {
        REQUIRE(t.disk.remove(file_of(base, ".arrivals")).has_value());
      } else {
        t.damage_file(file_of(base, ".arrivals"), 2);
      }
      t.now = kStartOfTests + 1'000'000;
      t.open();
      t.check_whole();
      CHECK(t.said(file_of(base, ".arrivals")));
      const ReadPlan plan = t.log->plan_read(Offset{base}, Offset{12}, 0, true);
      CHECK(plan.segment->times().last_append_time == t.now);
    }
  }
}

TEST_CASE("helper files: the good rows of a short .arrivals count", "[side-files]") {
  SideFileHarness t;
  t.cut_file(file_of(8, ".arrivals"), 8 + 24 + 5);  // the first row is left
  t.now = kStartOfTests + 1'000'000;
  t.open();
  const ReadPlan plan = t.log->plan_read(Offset{8}, Offset{12}, 0, true);
  CHECK(plan.segment->times().first_append_time == kStartOfTests + 8000);
  CHECK(plan.segment->times().last_append_time == t.now);
}

TEST_CASE("helper files: a .timeindex that lost the greatest time does not hide it",
          "[side-files]") {
  LogHarness t{{.index_interval_bytes = 1, .retention_ms = -1}};
  for (const std::int64_t time : {100, 150, 500, 50, 60}) t.append({.times = {time}});
  t.sync();
  REQUIRE(t.log->write_indexes().has_value());
  t.checkpoint();
  t.end_process();
  // The row of 500 is gone, while rows of .index behind it are there. Of arrivals there is one row.
  const std::uint64_t bytes = t.size_of(file_of(0, ".timeindex"));
  t.cut_file(file_of(0, ".timeindex"), bytes - TimeEntry::kBytes);
  for (const bool arrivals : {true, false}) {
    if (!arrivals) t.cut_file(file_of(0, ".arrivals"), 8 + ArrivalEntry::kBytes);
    t.open();
    const auto found = find_by_time(t.log->plan_time_search(Timestamp{300}, Offset{5})).value();
    CHECK(found.offset == Offset{2});
    t.end_process();
    t.cut_file(file_of(0, ".timeindex"), bytes - TimeEntry::kBytes);
  }
}

TEST_CASE("helper files: a disk that does not sync fails no look-up that makes them again",
          "[side-files]") {
  SideFileHarness t;
  t.damage_file(file_of(0, ".index"), 15);
  t.open();
  t.disk.plan({.call = DiskCall::sync, .nth = 1, .repeat = 100});
  CHECK(t.read(2, 3) == Bases{2});
  CHECK(t.said(file_of(0, ".index")));
}

TEST_CASE("helper files: producers are known without any snapshot", "[side-files]") {
  LogHarness t;
  t.append(from_producer(9, 0));
  t.append(from_producer(9, 1));
  t.sync();
  t.checkpoint();
  t.restart();
  CHECK(t.is_duplicate(9, 0));
  CHECK(t.is_duplicate(9, 1));
}

TEST_CASE("helper files: a damaged snapshot is said and an older one goes on from there",
          "[side-files]") {
  LogHarness t;
  const auto snapshot = [&] {
    REQUIRE(write_producer_snapshot(t.disk, kDirectory, t.log->producer_snapshot(),
                                    Replacement::durable)
                .has_value());
  };
  t.append(from_producer(9, 0));
  snapshot();
  t.append(from_producer(9, 1));
  snapshot();
  t.append(from_producer(8, 0));
  t.sync();
  REQUIRE(t.log->write_indexes().has_value());
  t.checkpoint();
  t.end_process();
  t.damage_file(file_of(2, ".snapshot"), 14);
  t.open();
  CHECK(t.reports.rebuilds.back().starts_with(file_of(2, ".snapshot")));
  CHECK(t.is_duplicate(9, 0));
  CHECK(t.is_duplicate(9, 1));
  CHECK(t.is_duplicate(8, 0));
}

}  // namespace
}  // namespace strandline
