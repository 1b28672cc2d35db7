#include "storage/log/read_plan.h"

#include "tests/unit/storage/log/log_harness.h"

namespace strandline {
namespace {

using Bases = std::vector<std::int64_t>;

// Ten batches of two records each: offsets 0 to 19. All of one size.
struct ReadHarness : LogHarness {
  explicit ReadHarness(const LogConfig& config = {}) : LogHarness(config) {
    append_many(10, records(2));
    sync();
    batch_bytes = make_batch(records(2)).size();
  }
  std::uint64_t batch_bytes = 0;
};

TEST_CASE("reading: begins with the batch that holds the offset", "[read]") {
  ReadHarness t;
  CHECK(t.read(0).front() == 0);
  CHECK(t.read(1).front() == 0);
  CHECK(t.read(2).front() == 2);
  CHECK(t.read(19) == Bases{18});
}

TEST_CASE("reading: no batch is given that ends beyond the wanted end", "[read]") {
  ReadHarness t;
  CHECK(t.read(0, 6) == Bases{0, 2, 4});
  CHECK(t.read(0, 5) == Bases{0, 2});
  CHECK(t.read(0, 1).empty());
  CHECK(t.read(6, 6).empty());
}

TEST_CASE("reading: a batch is never cut by the bound of bytes", "[read]") {
  ReadHarness t;
  CHECK(t.read(0, INT64_MAX, 3 * t.batch_bytes) == Bases{0, 2, 4});
  CHECK(t.read(0, INT64_MAX, 3 * t.batch_bytes - 1) == Bases{0, 2});
  CHECK(t.read(4, INT64_MAX, 2 * t.batch_bytes + 5) == Bases{4, 6});
}

TEST_CASE("reading: the first batch is given whatever its size, if that was asked for", "[read]") {
  ReadHarness t;
  for (const std::uint64_t bytes_max : {std::uint64_t{0}, std::uint64_t{1}, t.batch_bytes - 1}) {
    CHECK(t.read(4, INT64_MAX, bytes_max, true) == Bases{4});
    CHECK(t.read(4, INT64_MAX, bytes_max, false).empty());
  }
  CHECK(t.read(4, INT64_MAX, t.batch_bytes, false) == Bases{4});
  CHECK(t.read(4, 5, 0, true).empty());  // it ends beyond what may be read
}

TEST_CASE("reading: one read stays within a segment and the next goes on in the next", "[read]") {
  ReadHarness t{{.segment_bytes = 1000}};
  REQUIRE(t.log->segment_count() > 2);
  const auto first = t.try_read(0);
  REQUIRE(first.has_value());
  CHECK(first.value().slices.size() == 1);
  CHECK(first.value().next_offset < Offset{20});
  CHECK(t.read_all() == Bases{0, 2, 4, 6, 8, 10, 12, 14, 16, 18});
}

TEST_CASE("reading: every start, end and bound gives whole batches within them", "[read]") {
  ReadHarness t{{.segment_bytes = 1500, .index_interval_bytes = 400}};
  bool right = true;
  for (std::int64_t from = 0; from < 20; ++from) {
    for (std::int64_t end = from; end <= 20; ++end) {
      for (const std::uint64_t batches : {0U, 1U, 2U, 5U}) {
        const Bases bases = t.read(from, end, batches * t.batch_bytes, true);
        const bool one_fits = from / 2 * 2 + 2 <= end && from < end;
        right = right && bases.empty() == !one_fits;
        right = right && bases.size() <= std::max<std::size_t>(1, batches);
        if (bases.empty()) continue;
        right = right && bases.front() == from / 2 * 2 && bases.back() + 2 <= end;
      }
    }
  }
  CHECK(right);
}

TEST_CASE("reading: a plan holds while the log goes on", "[read]") {
  ReadHarness t;
  const ReadPlan plan = t.log->plan_read(Offset{0}, Offset{20}, 1 << 20, true);
  t.append_many(5, records(2));
  const auto result = execute(plan, ReadMode::blocking);
  REQUIRE(result.has_value());
  CHECK(result.value().next_offset == Offset{20});
  CHECK(result.value().bytes == 10 * t.batch_bytes);
}

TEST_CASE("reading: a plan of a segment that retention drops still reads it", "[read]") {
  ReadHarness t{{.segment_bytes = 1000, .retention_bytes = 0}};
  const ReadPlan plan = t.log->plan_read(Offset{0}, Offset{20}, 1 << 20, true);
  REQUIRE(t.log->apply_retention(t.now).segments > 0);
  const auto result = execute(plan, ReadMode::blocking);
  REQUIRE(result.has_value());
  CHECK(t.batches_of(result.value()).front() == 0);
}

TEST_CASE("reading: what this process wrote is read without waiting", "[read]") {
  ReadHarness t;
  const ReadPlan plan = t.log->plan_read(Offset{6}, Offset{20}, 1 << 20, true);
  const auto result = execute(plan, ReadMode::nowait);
  REQUIRE(result.has_value());
  CHECK(t.batches_of(result.value()).front() == 6);
}

TEST_CASE("reading: what came back from the disk is checked before it is given", "[read]") {
  ReadHarness t;
  t.checkpoint();
  t.restart();
  const ReadPlan plan = t.log->plan_read(Offset{0}, Offset{20}, 1 << 20, true);
  CHECK(execute(plan, ReadMode::nowait).error() == Errc::would_block);
  CHECK(execute(plan, ReadMode::blocking).value().next_offset == Offset{20});
  CHECK(execute(plan, ReadMode::nowait).value().next_offset == Offset{20});
  // Out of memory it has to be checked again.
  plan.segment->file()->drop_cache(0, plan.file_end);
  CHECK(execute(plan, ReadMode::nowait).error() == Errc::would_block);
}

TEST_CASE("reading: a damaged batch is reported with its place and never given", "[read]") {
  ReadHarness t;
  t.checkpoint();
  t.end_process();
  t.damage_file(file_of(0, ".log"), 3 * t.batch_bytes + 100);
  t.open();
  CHECK(t.read(0) == Bases{0, 2, 4});  // the good ones before it
  t.reports.clear();
  const auto result = t.try_read(6);
  REQUIRE(result.has_error());
  CHECK(result.error() == Errc::corrupt_batch);
  REQUIRE_FALSE(t.reports.damages.empty());
  CHECK(t.reports.damages[0].file == file_of(0, ".log"));
  CHECK(t.reports.damages[0].position == 3 * t.batch_bytes);
  CHECK(t.reports.damages[0].offset == Offset{6});
  CHECK(t.read(8).front() == 8);  // and what lies behind it is whole
}

TEST_CASE("reading: a raised leader epoch in the last batch is damage", "[read]") {
  constexpr std::uint64_t kLeaderEpochEnd = 15;  // its last byte; no checksum covers it
  ReadHarness t;
  t.checkpoint();
  t.end_process();
  const std::uint64_t position = 9 * t.batch_bytes;
  t.damage_file(file_of(0, ".log"), position + kLeaderEpochEnd);
  t.open();
  CHECK(t.try_read(18).error() == Errc::corrupt_batch);
  REQUIRE_FALSE(t.reports.damages.empty());
  CHECK(t.reports.damages[0].position == position);
  CHECK(t.reports.damages[0].expected == "leader epoch 0");
  const auto found = find_by_time(t.log->plan_time_search(kNoTimestamp, Offset{20}));
  CHECK(found.error() == Errc::corrupt_batch);
}

TEST_CASE("reading: a damaged batch that claims to end beyond what may be read is damage",
          "[read]") {
  constexpr std::uint64_t kLastOffsetDelta = 23;
  const bool behind_others = GENERATE(false, true);
  ReadHarness t;
  t.damage_file(file_of(0, ".log"), 3 * t.batch_bytes + kLastOffsetDelta + 2);
  const ReadPlan plan = t.log->plan_read(Offset{behind_others ? 8 : 6}, Offset{20}, 1, true);
  plan.segment->file()->drop_cache(0, plan.file_end);
  CHECK(execute(plan, ReadMode::blocking).error() == Errc::corrupt_batch);
  REQUIRE_FALSE(t.reports.damages.empty());
  CHECK(t.reports.damages[0].position == 3 * t.batch_bytes);
}

TEST_CASE("reading: damage that comes while the log is open is found when pages are read again",
          "[read]") {
  ReadHarness t;
  CHECK(t.read(0).size() == 10);
  t.damage_file(file_of(0, ".log"), 100);
  const ReadPlan plan = t.log->plan_read(Offset{0}, Offset{20}, 1 << 20, true);
  plan.segment->file()->drop_cache(0, plan.file_end);
  CHECK(t.try_read(0).error() == Errc::corrupt_batch);
}

}  // namespace
}  // namespace strandline
