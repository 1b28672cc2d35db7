#include "broker/metrics/histogram.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <memory>
#include <vector>

#include "broker/metrics/shard_metrics.h"
#include "protocol/base/prng.h"

namespace strandline {
namespace {

TEST_CASE("HistogramLayout: every bucket begins where the one before ends", "[metrics]") {
  for (std::size_t i = 1; i < HistogramLayout::kBuckets; ++i) {
    const std::uint64_t below = HistogramLayout::upper_bound(i - 1);
    const std::uint64_t top = HistogramLayout::upper_bound(i);
    REQUIRE(below < top);
    REQUIRE(HistogramLayout::bucket_of(below) == i - 1);
    REQUIRE(HistogramLayout::bucket_of(below + 1) == i);
    REQUIRE(HistogramLayout::bucket_of(top) == i);
    REQUIRE(static_cast<double>(top) <= 1.0625 * static_cast<double>(below + 1));
  }
  CHECK(HistogramLayout::bucket_of(0) == 0);
  CHECK(HistogramLayout::bucket_of(~std::uint64_t{0}) == HistogramLayout::kBuckets - 1);
}

TEST_CASE("Histogram: a quantile is never too low and at most 1/16 too high", "[metrics]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Prng prng{seed};
    Histogram histogram;
    std::vector<std::uint64_t> values;
    for (int i = 0; i < 5000; ++i) {
      // Spread over nine powers of ten, as latencies with a long tail are.
      const std::uint64_t value = prng.next() >> (27 + prng.next() % 36);
      values.push_back(value);
      histogram.record(value);
    }
    std::sort(values.begin(), values.end());
    HistogramSnapshot snapshot;
    snapshot.add(histogram);
    REQUIRE(snapshot.count() == values.size());
    for (const double q : {0.001, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(values.size())));
      const std::uint64_t exact = values[rank - 1];
      const std::uint64_t read = snapshot.quantile(q);
      REQUIRE(read >= exact);
      REQUIRE(static_cast<double>(read) <= std::max(1.0, 1.0625 * static_cast<double>(exact)));
    }
  }
}

TEST_CASE("HistogramSnapshot: counts up to a power of two are exact, the bound included",
          "[metrics]") {
  Histogram histogram;
  for (std::uint64_t value = 1; value <= 1000; ++value) histogram.record(value);
  HistogramSnapshot snapshot;
  snapshot.add(histogram);
  for (int power = 0; power < 10; ++power) {
    CHECK(snapshot.count_up_to(std::uint64_t{1} << power) == std::uint64_t{1} << power);
  }
  CHECK(snapshot.count_up_to(1024) == 1000);
  CHECK(snapshot.sum() == 500500);
}

TEST_CASE("HistogramSnapshot: shards add up, and nothing recorded reads as zero", "[metrics]") {
  Histogram fast;
  Histogram slow;
  for (int i = 0; i < 99; ++i) fast.record(Duration{1000});
  slow.record(Duration{1'000'000});
  slow.record(Duration{-5});  // a clock that stepped is no reason to count 584 years
  HistogramSnapshot both;
  CHECK(both.quantile(0.99) == 0);
  both.add(fast);
  both.add(slow);
  CHECK(both.count() == 101);
  CHECK(both.quantile(0.5) < 1063);
  CHECK(both.quantile(1.0) >= 1'000'000);
}

TEST_CASE("ShardMetrics: an API's counters come into being with its first request", "[metrics]") {
  auto shard = std::make_unique<ShardMetrics>();
  CHECK(shard->find_api(3) == nullptr);
  shard->api(3).requests.add();
  shard->api(3).requests.add();
  REQUIRE(shard->find_api(3) != nullptr);
  CHECK(shard->find_api(3)->requests.value() == 2);

  shard->api(-7).requests.add();
  shard->api(30000).requests.add();
  CHECK(shard->find_api(ShardMetrics::kApiKeys - 1)->requests.value() == 2);
  shard->count_error(32767);  // no code of ours; must not write outside the table
  CHECK(shard->errors[0].value() == 1);
}

}  // namespace
}  // namespace strandline
