#include "broker/net/buffer_pool.h"

#include <bit>

#include "protocol/base/assertion.h"

namespace strandline {

void BufferRef::drop() {
  if (buffer_ == nullptr) return;
  STRANDLINE_ASSERT(buffer_->shares > 0);
  if (--buffer_->shares == 0) buffer_->pool->give_back(buffer_);
}

BufferPool::~BufferPool() = default;

std::size_t BufferPool::class_of(std::size_t size) {
  const std::size_t rounded = std::bit_ceil(size < kSmallestBytes ? kSmallestBytes : size);
  return static_cast<std::size_t>(std::countr_zero(rounded)) -
         static_cast<std::size_t>(std::countr_zero(kSmallestBytes));
}

BufferRef BufferPool::take(std::size_t size) {
  const std::size_t size_class = class_of(size);
  STRANDLINE_ASSERT(size_class < kClasses);
  const std::size_t rounded = kSmallestBytes << size_class;
  budget_.charge(rounded);
  auto& shelf = free_[size_class];
  if (!shelf.empty()) {
    BufferRef::Buffer* buffer = shelf.back().release();
    shelf.pop_back();
    idle_bytes_ -= rounded;
    buffer->shares = 1;
    return BufferRef{buffer};
  }
  // Not zeroed: every byte handed on was received first.
  return BufferRef{new BufferRef::Buffer{this, rounded, 1,
                                         std::unique_ptr<std::byte[]>{new std::byte[rounded]}}};
}

void BufferPool::give_back(BufferRef::Buffer* buffer) {
  std::unique_ptr<BufferRef::Buffer> owned{buffer};
  budget_.release(owned->size);
  if (owned->size < kKeptBytesMin || idle_bytes_ + owned->size > kIdleBytesMax) return;
  idle_bytes_ += owned->size;
  free_[class_of(owned->size)].push_back(std::move(owned));
}

}  // namespace strandline
