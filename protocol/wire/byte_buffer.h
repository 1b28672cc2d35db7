// Growable bytes that an encoder writes at the end of. Unlike std::vector it never fills what will
// be overwritten: the first touch of fresh memory is the dear part of a large response.
//
// Thread   one owner
// Owns     its memory
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "protocol/base/bytes.h"

namespace strandline::wire {

class ByteBuffer {
 public:
  ByteBuffer() = default;

  std::byte* data() { return bytes_.get(); }
  const std::byte* data() const { return bytes_.get(); }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }
  ByteView view() const { return {bytes_.get(), size_}; }

  // Keeps the memory.
  void clear() { size_ = 0; }
  void reserve(std::size_t capacity) {
    if (capacity > capacity_) reallocate(capacity);
  }

  // Adds `count` bytes of unknown content and returns where they begin. The pointer holds until the
  // next call that may grow the buffer.
  std::byte* extend(std::size_t count) {
    if (capacity_ - size_ < count) [[unlikely]]
      grow(count);
    std::byte* const at = bytes_.get() + size_;
    size_ += count;
    return at;
  }

  void append(ByteView bytes) {
    if (bytes.empty()) return;
    std::memcpy(extend(bytes.size()), bytes.data(), bytes.size());
  }

  // Needs size <= size().
  void truncate(std::size_t size) { size_ = size; }

 private:
  struct Free {
    void operator()(std::byte* bytes) const { std::free(bytes); }
  };

  void grow(std::size_t count);
  void reallocate(std::size_t capacity);

  std::unique_ptr<std::byte[], Free> bytes_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace strandline::wire
