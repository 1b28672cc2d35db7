// Numbers one thread writes and any thread reads, without a locked instruction.
//
// A shard adds with a plain load and store (relaxed), because nobody else writes: under 1 ns where
// a fetch_add costs 5 and a shared cache line 50. A reader may see a value a moment old, never a
// torn one.
//
// Thread   one writer; readers on any thread
#pragma once

#include <atomic>
#include <cstdint>

namespace strandline {

// Only grows.
class Counter {
 public:
  void add(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Goes up and down.
class Gauge {
 public:
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void add(std::int64_t n) { set(value() + n); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

}  // namespace strandline
