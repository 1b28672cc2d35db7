// A histogram of whole numbers (nanoseconds, counts) with a bounded relative error.
//
// Each power of two is cut into 16 equal buckets, each (low, high] with high/low <= 17/16: a
// quantile read from it is at most 6.25 % too high and never too low. Values over 2^38 (275 s in
// nanoseconds) count in the last bucket. 4.4 KiB each; recording costs a few nanoseconds.
//
// Thread   one writer; readers on any thread through HistogramSnapshot
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "broker/metrics/counter.h"
#include "protocol/base/clock.h"

namespace strandline {

// Which bucket holds a value, and where buckets end.
struct HistogramLayout {
  static constexpr int kSubBits = 4;
  static constexpr int kSub = 1 << kSubBits;
  static constexpr int kTopBit = 38;  // the greatest value told apart is 2^kTopBit
  static constexpr std::size_t kBuckets = static_cast<std::size_t>(kTopBit - kSubBits + 1) * kSub;

  static constexpr std::size_t bucket_of(std::uint64_t value) {
    // Upper bounds are inclusive as Prometheus wants them, hence the shift by one.
    const std::uint64_t v = value == 0 ? 0 : value - 1;
    if (v < kSub) return static_cast<std::size_t>(v);
    const int octave = static_cast<int>(std::bit_width(v)) - 1;
    if (octave >= kTopBit) return kBuckets - 1;
    const auto sub = static_cast<std::size_t>((v >> (octave - kSubBits)) & (kSub - 1));
    return static_cast<std::size_t>(octave - kSubBits + 1) * kSub + sub;
  }

  // The greatest value the bucket holds.
  static constexpr std::uint64_t upper_bound(std::size_t bucket) {
    if (bucket < kSub) return bucket + 1;
    const auto octave = static_cast<int>(bucket / kSub) + kSubBits - 1;
    const std::uint64_t sub = bucket % kSub;
    return (kSub + sub + 1) << (octave - kSubBits);
  }
};

class Histogram {
 public:
  void record(std::uint64_t value) {
    buckets_[HistogramLayout::bucket_of(value)].add(1);
    sum_.add(value);
  }
  void record(Duration elapsed) {
    record(elapsed.count() < 0 ? 0 : static_cast<std::uint64_t>(elapsed.count()));
  }

 private:
  friend class HistogramSnapshot;
  std::array<Counter, HistogramLayout::kBuckets> buckets_{};
  Counter sum_;
};

// A copy to read from; several histograms (one a shard) add up in it.
//
// Thread   one owner
class HistogramSnapshot {
 public:
  void add(const Histogram& histogram);

  std::uint64_t count() const { return count_; }
  std::uint64_t sum() const { return sum_; }

  // How many values were <= bound. Exact where bound is a power of two.
  std::uint64_t count_up_to(std::uint64_t bound) const;

  // The value that a share q (0 … 1) of all values does not exceed, rounded up to its bucket's end;
  // 0 when there are no values.
  std::uint64_t quantile(double q) const;

 private:
  std::array<std::uint64_t, HistogramLayout::kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
};

}  // namespace strandline
