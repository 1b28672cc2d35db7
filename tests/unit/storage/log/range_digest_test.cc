#include "storage/log/range_digest.h"

#include <algorithm>

#include "protocol/base/hash.h"
#include "tests/unit/storage/log/log_harness.h"

namespace strandline {
namespace {

// Nine batches of one record each.
struct RangeHarness : LogHarness {
  explicit RangeHarness(std::int64_t segment_bytes) : LogHarness({.segment_bytes = segment_bytes}) {
    open_with_batches();
  }

  void open_with_batches() {
    for (int i = 0; i < 9; ++i) append({.times = {1000 + i}});
    sync();
  }
  Result<DigestedRange> digest(std::int64_t from, std::int64_t end,
                               std::uint64_t bytes_max = 1 << 20) {
    return digest_range(plan_digest(*log, Offset{from}, Offset{end}, bytes_max), bytes_max);
  }
};

TEST_CASE("range digest: of the bytes of the batches, one behind the other", "[range_digest]") {
  RangeHarness t{1 << 20};
  const DigestedRange range = t.digest(2, 5).value();
  CHECK(range.start == Offset{2});
  CHECK(range.end == Offset{5});
  const std::uint64_t one = plain_batch_bytes();
  CHECK(range.bytes == 3 * one);
  const auto bytes = t.bytes_of(file_of(0, ".log"));
  CHECK(range.xxh3 == xxh3(ByteView{bytes}.subspan(2 * one, 3 * one)));
  CHECK(t.reports.nothing());
}

TEST_CASE("range digest: the same wherever segments begin", "[range_digest]") {
  RangeHarness one{1 << 20};
  RangeHarness many{400};
  REQUIRE(many.log->segment_count() > 3);
  for (std::int64_t from = 0; from < 9; ++from) {
    for (std::int64_t end = from + 1; end <= 9; ++end) {
      const DigestedRange a = one.digest(from, end).value();
      const DigestedRange b = many.digest(from, end).value();
      REQUIRE(a.start == Offset{from});
      REQUIRE(a.end == Offset{end});
      REQUIRE(b.end == a.end);
      REQUIRE(b.bytes == a.bytes);
      REQUIRE(b.xxh3 == a.xxh3);
    }
  }
}

TEST_CASE("range digest: goes on to the batch that reaches the bytes, at least one",
          "[range_digest]") {
  for (const std::int64_t segment_bytes : {400, 1 << 20}) {
    RangeHarness t{segment_bytes};
    const std::uint64_t one = plain_batch_bytes();
    CHECK(t.digest(0, 9, 1).value().end == Offset{1});
    CHECK(t.digest(0, 9, 2 * one).value().end == Offset{2});
    CHECK(t.digest(0, 9, 2 * one + 1).value().end == Offset{3});
    CHECK(t.digest(0, 9, 7 * one).value().end == Offset{7});
  }
}

TEST_CASE("range digest: of whole batches alone", "[range_digest]") {
  LogHarness t;
  t.append(records(3));
  t.append(records(3));
  t.append(records(3));
  t.sync();
  const auto digest = [&](std::int64_t from, std::int64_t end) {
    return digest_range(plan_digest(*t.log, Offset{from}, Offset{end}, 1 << 20), 1 << 20).value();
  };
  CHECK(digest(1, 9).start == Offset{3});
  CHECK(digest(1, 8).end == Offset{6});
  CHECK(digest(1, 5).bytes == 0);
}

TEST_CASE("range digest: damage is found on the disk, whatever was read before", "[range_digest]") {
  RangeHarness t{400};
  REQUIRE(t.read_all().size() == 9);  // all of it is in memory, and was checked
  REQUIRE(t.disk.flip_bit(file_of(2, ".log"), 100, 3, false));
  CHECK(t.digest(0, 2).has_value());
  CHECK(t.digest(0, 9).error() == Errc::corrupt_batch);
  REQUIRE(t.reports.damages.size() == 1);
  CHECK(t.reports.damages[0].file == file_of(2, ".log"));
  // From here on nobody is given it either.
  CHECK(t.try_read(2).error() == Errc::corrupt_batch);
}

TEST_CASE("range digest: every byte of a batch is vouched for", "[range_digest]") {
  const std::uint64_t one = plain_batch_bytes();
  for (std::uint64_t position = 0; position < one; ++position) {
    RangeHarness t{1 << 20};
    const std::uint64_t xxh3 = t.digest(0, 9).value().xxh3;
    // Of the last one: nothing behind it tells that something is wrong.
    REQUIRE(t.disk.flip_bit(file_of(0, ".log"), 8 * one + position, position % 8, true));
    const auto found = t.digest(0, 9);
    INFO("byte " << position);
    REQUIRE((found.has_error() || found.value().xxh3 != xxh3));
    // What no checksum covers: where the batch lies, how long it is, its epoch, its format.
    REQUIRE(found.has_error());
  }
}

TEST_CASE("range digest: a segment that lost its end is damaged", "[range_digest]") {
  RangeHarness t{400};
  t.cut_file(file_of(2, ".log"), plain_batch_bytes());
  CHECK(t.digest(0, 9).error() == Errc::corrupt_batch);
  CHECK(t.reports.damages.size() == 1);
}

TEST_CASE("range digest: a sector that cannot be read is an error of the disk", "[range_digest]") {
  RangeHarness t{400};
  t.disk.plan({.call = DiskCall::read, .repeat = 1000, .path_part = file_of(2, ".log")});
  CHECK(t.digest(0, 9).error() == boost::system::errc::io_error);
}

}  // namespace
}  // namespace strandline
