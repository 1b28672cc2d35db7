#include "storage/log/sparse_index.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "storage/io/sim_disk.h"
#include "tests/unit/protocol/record/vectors.h"

namespace strandline {
namespace {

constexpr const char* kPath = "t-0/x";

template <class Entry>
struct IndexHarness {
  IndexHarness() {
    REQUIRE(disk.create_directories("t-0").has_value());
    index.start_anew();
  }
  void write() { REQUIRE(index.write(disk, kPath).has_value()); }
  std::vector<std::byte> bytes() {
    const auto file = disk.open(kPath, OpenMode::read).value();
    std::vector<std::byte> all(file->size().value());
    REQUIRE(file->read_at(0, all).value() == all.size());
    return all;
  }
  void replace(ByteView content) {
    const auto file = disk.open(kPath, OpenMode::create_or_open).value();
    REQUIRE(file->truncate(0).has_value());
    REQUIRE(file->write_at(0, content).has_value());
  }
  auto open_again() {
    index = SparseIndex<Entry>{};
    return index.open(disk, kPath).value();
  }

  SimDisk disk{1};
  SparseIndex<Entry> index;
};

using Offsets = IndexHarness<OffsetEntry>;
using Times = IndexHarness<TimeEntry>;
using Arrivals = IndexHarness<ArrivalEntry>;

TEST_CASE("SparseIndex: the worked bytes of the format pages", "[index]") {
  Offsets offsets;
  offsets.index.add({2, 6140});
  offsets.index.add({4, 12280});
  offsets.write();
  CHECK(offsets.bytes() == test::hex("00000002 000017fc 00000004 00002ff8"));
  Times times;
  times.index.add({1700000002000, 2});
  times.index.add({1700000004000, 4});
  times.index.add({1700000005000, 5});
  times.write();
  CHECK(times.bytes() == test::hex("0000018bcfe56fd0 00000002 0000018bcfe577a0 00000004"
                                   "0000018bcfe57b88 00000005"));
  Arrivals arrivals;
  arrivals.index.add({1795241797729, 1700000000000, 0});
  arrivals.index.add({1795241797750, 1700000005000, 5});
  arrivals.write();
  CHECK(arrivals.bytes() == test::hex("534c4152 00000001"
                                      "000001a1fcbfe861 0000018bcfe56800 00000000 7efade80"
                                      "000001a1fcbfe876 0000018bcfe57b88 00000005 85575bcd"));
}

TEST_CASE("SparseIndex: a row that does not follow the last is left out", "[index]") {
  Offsets offsets;
  offsets.index.add({2, 100});
  offsets.index.add({2, 200});  // the same offset
  offsets.index.add({3, 100});  // the same position
  CHECK(offsets.index.count() == 1);
  Times times;
  times.index.add({1000, 2});
  times.index.add({1000, 3});  // no newer
  times.index.add({999, 4});
  CHECK(times.index.count() == 1);
  Arrivals arrivals;
  arrivals.index.add({1000, 50, 2});
  arrivals.index.add({999, 50, 3});   // time went back
  arrivals.index.add({1000, 49, 3});  // event time went back
  arrivals.index.add({1000, 50, 3});
  CHECK(arrivals.index.count() == 2);
}

TEST_CASE("SparseIndex: rows written and rows in memory are one sequence", "[index]") {
  Offsets t;
  for (std::uint32_t i = 1; i <= 5; ++i) t.index.add({i, i * 10});
  t.write();
  for (std::uint32_t i = 6; i <= 8; ++i) t.index.add({i, i * 10});
  CHECK(t.index.rows().count == 5);
  CHECK(t.index.count() == 8);
  for (std::uint64_t i = 0; i < 8; ++i) {
    CHECK(t.index.row(i).value()->relative_offset == i + 1);
  }
  CHECK_FALSE(t.index.row(8).value().has_value());
  CHECK(t.index.last()->position == 80);
}

TEST_CASE("SparseIndex: the last row that belongs is found among thousands", "[index]") {
  Offsets t;
  for (std::uint32_t i = 1; i <= 5000; ++i) t.index.add({i * 2, i * 10});
  t.write();
  for (const std::uint32_t wanted : {1U, 2U, 3U, 255U, 256U, 257U, 5001U, 9999U, 10000U, 20000U}) {
    const auto at_or_below = [&](const OffsetEntry& e) { return e.relative_offset <= wanted; };
    const auto row = t.index.rows().last_where(at_or_below, ReadMode::blocking).value();
    const std::uint32_t expected = std::min(wanted, 10000U) / 2 * 2;
    if (expected == 0) {
      CHECK_FALSE(row.has_value());
    } else {
      REQUIRE(row.has_value());
      CHECK(row->relative_offset == expected);
    }
  }
}

TEST_CASE("SparseIndex: whatever is guessed the same row is found, near it by one read",
          "[index]") {
  for (const std::uint32_t count : {0U, 1U, 127U, 128U, 129U, 1000U, 5000U}) {
    Offsets offsets;
    for (std::uint32_t i = 0; i < count; ++i) offsets.index.add({10 * i, 100 * i});
    offsets.write();
    const Rows<OffsetEntry> rows = offsets.index.rows();
    for (const std::uint32_t wanted : {0U, 1U, 63U, 64U, 65U, 128U, 999U, 4999U, 6000U}) {
      const auto belongs = [&](const OffsetEntry& row) {
        return row.relative_offset <= 10 * wanted;
      };
      const auto plain = rows.last_where(belongs, ReadMode::blocking).value();
      REQUIRE(plain.has_value() == (count > 0));
      if (plain) REQUIRE(plain->position == 100 * std::min(wanted, count - 1));
      for (const std::uint64_t guess : {0ULL, 1ULL, 64ULL, 100ULL, 1000ULL, 4990ULL, 99999ULL}) {
        const std::uint64_t before = offsets.disk.count(DiskCall::read);
        const auto guessed = rows.last_where(belongs, ReadMode::blocking, guess).value();
        const std::uint64_t reads = offsets.disk.count(DiskCall::read) - before;
        REQUIRE(guessed.has_value() == plain.has_value());
        if (plain) REQUIRE(guessed->relative_offset == plain->relative_offset);
        const std::uint64_t row = std::min<std::uint64_t>(wanted, count);
        const bool near = row + 60 > guess && row < guess + 60;
        if (count > 0 && near) REQUIRE(reads == 1);
      }
    }
  }
  // Rows of which none belongs.
  Offsets offsets;
  for (std::uint32_t i = 0; i < 500; ++i) offsets.index.add({i + 5, 100 * i});
  offsets.write();
  const auto none = [](const OffsetEntry& row) { return row.relative_offset < 5; };
  for (const std::uint64_t guess : {0ULL, 70ULL, 499ULL}) {
    CHECK_FALSE(offsets.index.rows().last_where(none, ReadMode::blocking, guess).value());
  }
}

TEST_CASE("SparseIndex: keeping fewer rows also cuts the file", "[index]") {
  Offsets t;
  for (std::uint32_t i = 1; i <= 5; ++i) t.index.add({i, i * 10});
  t.write();
  t.index.add({6, 60});
  REQUIRE(t.index.keep(3).has_value());
  CHECK(t.index.count() == 3);
  CHECK(t.index.last()->relative_offset == 3);
  CHECK(t.bytes().size() == 3 * OffsetEntry::kBytes);
  t.index.add({4, 45});
  t.write();
  CHECK(t.open_again() == SparseIndex<OffsetEntry>::Found::good);
  CHECK(t.index.last()->position == 45);
}

TEST_CASE("SparseIndex: rows stay in memory while they cannot be written", "[index]") {
  Offsets t;
  t.index.add({1, 10});
  t.disk.plan({.call = DiskCall::write, .nth = 1, .error = ENOSPC});
  CHECK(t.index.write(t.disk, kPath).has_error());
  CHECK(t.index.pending().size() == 1);
  t.write();
  CHECK(t.index.pending().empty());
  CHECK(t.bytes() == test::hex("00000001 0000000a"));
}

TEST_CASE("SparseIndex: no file, a whole one and one that ends inside a row are told apart",
          "[index]") {
  using Found = SparseIndex<OffsetEntry>::Found;
  Offsets t;
  CHECK(t.open_again() == Found::missing);
  t.replace(test::hex("00000001 0000000a 00000002 00000014"));
  CHECK(t.open_again() == Found::good);
  CHECK(t.index.count() == 2);
  t.replace(test::hex("00000001 0000000a 00000002 0000"));
  CHECK(t.open_again() == Found::broken);
  CHECK(t.index.count() == 1);
  REQUIRE(t.index.keep(1).has_value());
  CHECK(t.bytes().size() == OffsetEntry::kBytes);
}

TEST_CASE("SparseIndex: arrivals with a wrong header or a wrong checksum are broken", "[index]") {
  using Found = SparseIndex<ArrivalEntry>::Found;
  const auto good = test::hex(
      "534c4152 00000001"
      "000001a1fcbfe861 0000018bcfe56800 00000000 7efade80");
  Arrivals t;
  t.replace(good);
  CHECK(t.open_again() == Found::good);
  for (const std::size_t position : {0U, 7U, 8U, 20U, 31U}) {
    auto damaged = good;
    damaged[position] ^= std::byte{1};
    t.replace(damaged);
    CHECK(t.open_again() == Found::broken);
    CHECK_FALSE(t.index.last().has_value());
  }
  t.replace(ByteView{good}.first(5));
  CHECK(t.open_again() == Found::broken);
}

TEST_CASE("SparseIndex: starting anew writes over a file that lies about", "[index]") {
  Offsets t;
  t.replace(test::hex("00000001 0000000a 00000002 00000014 00000003 0000001e"));
  t.index.start_anew();
  t.index.add({9, 90});
  t.write();
  CHECK(t.bytes() == test::hex("00000009 0000005a"));
}

}  // namespace
}  // namespace strandline
