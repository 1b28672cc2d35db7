// Receive buffers of one shard, counted and used again: fresh memory costs a page fault per 4 KiB,
// which is most of what receiving costs.
//
// Thread   one shard; a BufferRef must be dropped on the shard that made it
// Owns     the free buffers from kKeptBytesMin on, at most kIdleBytesMax of them; the process's
//          budget is charged while a buffer is out
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "broker/runtime/memory_budget.h"
#include "protocol/base/bytes.h"

namespace strandline {

class BufferPool;

// A share in one buffer. The last share to go gives the buffer back to its pool.
class BufferRef {
 public:
  BufferRef() = default;
  BufferRef(const BufferRef& other) : buffer_(other.buffer_) {
    if (buffer_ != nullptr) ++buffer_->shares;
  }
  BufferRef(BufferRef&& other) noexcept : buffer_(std::exchange(other.buffer_, nullptr)) {}
  BufferRef& operator=(BufferRef other) noexcept {
    std::swap(buffer_, other.buffer_);
    return *this;
  }
  ~BufferRef() { drop(); }

  explicit operator bool() const { return buffer_ != nullptr; }
  MutableByteView bytes() const { return {buffer_->memory.get(), buffer_->size}; }
  bool is_shared() const { return buffer_->shares > 1; }

 private:
  friend class BufferPool;

  struct Buffer {
    BufferPool* pool;
    std::size_t size;
    std::uint32_t shares;
    std::unique_ptr<std::byte[]> memory;
  };

  explicit BufferRef(Buffer* buffer) : buffer_(buffer) {}
  void drop();

  Buffer* buffer_ = nullptr;
};

class BufferPool {
 public:
  // budget   outlives the pool
  explicit BufferPool(MemoryBudget& budget) : budget_(budget) {}
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  // At least `size` bytes, rounded up to a power of two from kSmallestBytes on.
  BufferRef take(std::size_t size);

  static constexpr std::size_t kSmallestBytes = 512;

 private:
  friend class BufferRef;

  static constexpr std::size_t kClasses = 24;  // 512 B … 4 GiB: any frame a peer may announce
  static constexpr std::size_t kIdleBytesMax = std::size_t{8} << 20;
  // Smaller ones are the allocator's daily bread; kept, each would pin a page of what lay around
  // it.
  static constexpr std::size_t kKeptBytesMin = std::size_t{16} << 10;

  static std::size_t class_of(std::size_t size);
  void give_back(BufferRef::Buffer* buffer);

  MemoryBudget& budget_;
  std::size_t idle_bytes_ = 0;
  std::array<std::vector<std::unique_ptr<BufferRef::Buffer>>, kClasses> free_;
};

}  // namespace strandline
