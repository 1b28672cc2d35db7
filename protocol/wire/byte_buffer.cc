#include "protocol/wire/byte_buffer.h"

#include <algorithm>
#include <new>

#include "protocol/base/assertion.h"

namespace strandline::wire {

void ByteBuffer::grow(std::size_t count) {
  constexpr std::size_t kFirstBytes = 256;  // most responses that are not Fetch fit
  reallocate(std::max({size_ + count, capacity_ * 2, kFirstBytes}));
}

void ByteBuffer::reallocate(std::size_t capacity) {
  STRANDLINE_ASSERT(capacity >= size_);
  void* const moved = std::realloc(bytes_.get(), capacity);
  if (moved == nullptr) throw std::bad_alloc{};
  static_cast<void>(bytes_.release());
  bytes_.reset(static_cast<std::byte*>(moved));
  capacity_ = capacity;
}

}  // namespace strandline::wire
