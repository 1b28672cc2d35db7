// XXH3-64: guards every file, frame and digest of ours that is not a record batch.
//
// Thread   Xxh3 has one owner; xxh3() any
#pragma once

#include <cstdint>
#include <memory>

#include "protocol/base/bytes.h"

namespace strandline {

std::uint64_t xxh3(ByteView bytes);

// The same over bytes that come in pieces.
class Xxh3 {
 public:
  Xxh3();
  ~Xxh3();
  Xxh3(Xxh3&&) noexcept;
  Xxh3& operator=(Xxh3&&) noexcept;

  void update(ByteView bytes);
  std::uint64_t digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace strandline
