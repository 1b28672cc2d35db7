// Takes a fuzzer's input apart: sections, each behind a big-endian uint16 with its length.
//
// Thread   one owner
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "protocol/base/bytes.h"

namespace strandline {

class Sections {
 public:
  explicit Sections(ByteView bytes) : rest_(bytes) {}

  bool empty() const { return rest_.empty(); }

  std::uint16_t number() {
    if (rest_.size() < sizeof(std::uint16_t)) {
      rest_ = {};
      return 0;
    }
    const auto value = load_be<std::uint16_t>(rest_.data());
    rest_ = rest_.subspan(sizeof(value));
    return value;
  }

  // As much as is there.
  ByteView next() {
    const std::size_t length = number();
    const ByteView section = rest_.first(std::min(length, rest_.size()));
    rest_ = rest_.subspan(section.size());
    return section;
  }

 private:
  ByteView rest_;
};

}  // namespace strandline
