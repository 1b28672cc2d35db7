#include "storage/log/byte_ranges.h"

#include <catch2/catch.hpp>
#include <vector>

#include "protocol/base/prng.h"

namespace strandline {
namespace {

TEST_CASE("ByteRanges: neighbours that touch are one range", "[ranges]") {
  ByteRanges ranges;
  ranges.add(0, 10);
  ranges.add(20, 30);
  CHECK_FALSE(ranges.contains(0, 30));
  CHECK_FALSE(ranges.contains(9, 11));
  ranges.add(10, 20);
  CHECK(ranges.contains(0, 30));
  CHECK_FALSE(ranges.contains(0, 31));
}

TEST_CASE("ByteRanges: a range taken out of the middle leaves both ends", "[ranges]") {
  ByteRanges ranges;
  ranges.add(0, 100);
  ranges.remove(40, 60);
  CHECK(ranges.contains(0, 40));
  CHECK(ranges.contains(60, 100));
  CHECK_FALSE(ranges.contains(39, 41));
  ranges.remove(90, UINT64_MAX);
  CHECK(ranges.contains(60, 90));
  CHECK_FALSE(ranges.contains(60, 91));
}

TEST_CASE("ByteRanges: nothing is contained, added or removed by an empty range", "[ranges]") {
  ByteRanges ranges;
  CHECK(ranges.contains(5, 5));
  ranges.add(5, 5);
  CHECK_FALSE(ranges.contains(5, 6));
  ranges.add(0, 10);
  ranges.remove(5, 5);
  CHECK(ranges.contains(0, 10));
}

TEST_CASE("ByteRanges: any order of adding and removing gives the set of bytes", "[ranges]") {
  constexpr std::uint64_t kBytes = 64;
  Prng prng{7};
  ByteRanges ranges;
  std::vector<bool> bytes(kBytes);
  bool same = true;
  for (int step = 0; step < 3000 && same; ++step) {
    const std::uint64_t start = prng.below(kBytes);
    const std::uint64_t end = start + prng.below(kBytes - start + 1);
    const bool add = prng.chance(1, 2);
    add ? ranges.add(start, end) : ranges.remove(start, end);
    for (std::uint64_t at = start; at < end; ++at) bytes[at] = add;
    const std::uint64_t from = prng.below(kBytes);
    const std::uint64_t to = from + prng.below(kBytes - from + 1);
    bool all = true;
    for (std::uint64_t at = from; at < to; ++at) all = all && bytes[at];
    same = ranges.contains(from, to) == all;
  }
  CHECK(same);
}

}  // namespace
}  // namespace strandline
