// Bytes that are overwritten again and again: never initialised, never shrunk behind its owner's
// back, and grown by realloc(), which moves large blocks by remapping pages rather than by copying.
//
// Thread   one owner
// Owns     its bytes
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>

#include "protocol/base/assertion.h"

namespace strandline {

class ScratchBuffer {
 public:
  std::byte* data() { return bytes_.get(); }
  std::size_t capacity() const { return capacity_; }

  // Keeps what was written. Does nothing when the capacity is there already.
  void reserve(std::size_t capacity) {
    if (capacity <= capacity_) return;
    auto* grown = static_cast<std::byte*>(std::realloc(bytes_.get(), capacity));
    STRANDLINE_ASSERT(grown != nullptr);
    static_cast<void>(bytes_.release());
    bytes_.reset(grown);
    capacity_ = capacity;
  }

  void release() {
    bytes_.reset();
    capacity_ = 0;
  }

 private:
  struct Free {
    void operator()(std::byte* bytes) const { std::free(bytes); }
  };

  std::unique_ptr<std::byte, Free> bytes_;
  std::size_t capacity_ = 0;
};

}  // namespace strandline
