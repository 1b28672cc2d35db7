// The one memory budget of the process (memory.budget): requests in flight, responses not yet sent,
// records being unpacked. At the bound nothing fails: connections stop being read until memory
// comes back.
//
// Thread   any
#pragma once

#include <atomic>
#include <cstdint>

namespace strandline {

class MemoryBudget {
 public:
  explicit MemoryBudget(std::uint64_t limit_bytes) : limit_(limit_bytes) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  void charge(std::uint64_t bytes) { used_.fetch_add(bytes, std::memory_order_relaxed); }
  void release(std::uint64_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }

  // True while new work should wait. Work that has begun may go on: the overshoot is one growth
  // step of a frame per connection.
  bool is_exhausted() const { return used() >= limit_; }

  std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  std::uint64_t limit() const { return limit_; }

 private:
  const std::uint64_t limit_;
  alignas(64) std::atomic<std::uint64_t> used_{0};
};

}  // namespace strandline
