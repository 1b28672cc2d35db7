#include "broker/metrics/histogram.h"

#include <cmath>

namespace strandline {

static_assert(HistogramLayout::bucket_of(HistogramLayout::upper_bound(0)) == 0);
static_assert(HistogramLayout::bucket_of(std::uint64_t{1} << HistogramLayout::kTopBit) ==
              HistogramLayout::kBuckets - 1);
static_assert(HistogramLayout::upper_bound(HistogramLayout::kBuckets - 1) ==
              std::uint64_t{1} << HistogramLayout::kTopBit);

void HistogramSnapshot::add(const Histogram& histogram) {
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    const std::uint64_t n = histogram.buckets_[i].value();
    buckets_[i] += n;
    // The count is the sum of what was read here, not a counter of its own: a histogram whose total
    // disagrees with its last bucket is refused by scrapers.
    count_ += n;
  }
  sum_ += histogram.sum_.value();
}

std::uint64_t HistogramSnapshot::count_up_to(std::uint64_t bound) const {
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    if (HistogramLayout::upper_bound(i) > bound) break;
    seen += buckets_[i];
  }
  return seen;
}

std::uint64_t HistogramSnapshot::quantile(double q) const {
  if (count_ == 0) return 0;
  const double exact_rank = std::ceil(q * static_cast<double>(count_));
  const auto rank = exact_rank < 1 ? std::uint64_t{1} : static_cast<std::uint64_t>(exact_rank);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= rank) return HistogramLayout::upper_bound(i);
  }
  return HistogramLayout::upper_bound(buckets_.size() - 1);
}

}  // namespace strandline
