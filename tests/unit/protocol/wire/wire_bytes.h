// Bytes for wire tests: from hex text, and on a heap block of exactly their size, so that the
// address sanitizer sees a read beyond them.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/wire/codec.h"

namespace strandline::wire {

// Ignores everything that is no hex digit.
inline std::vector<std::byte> from_hex(std::string_view hex) {
  std::vector<std::byte> bytes;
  int high = -1;
  for (const char c : hex) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) continue;
    if (high < 0) {
      high = digit;
      continue;
    }
    bytes.push_back(static_cast<std::byte>(high * 16 + digit));
    high = -1;
  }
  return bytes;
}

inline std::string hex_of(ByteView bytes) {
  std::string hex;
  for (const std::byte byte : bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    hex += kDigits[static_cast<std::size_t>(byte) >> 4U];
    hex += kDigits[static_cast<std::size_t>(byte) & 0x0fU];
  }
  return hex;
}

class ExactCopy {
 public:
  explicit ExactCopy(ByteView bytes)
      : bytes_(std::make_unique<std::byte[]>(bytes.size())), size_(bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), bytes_.get());
  }
  ByteView view() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_;
};

template <Message M>
Result<M> decode_all(ByteView body, std::int16_t version, DecodeFailure* failure = nullptr) {
  DecodeBudget budget = DecodeBudget::for_frame(body.size());
  return decode<M>(body, version, budget, failure);
}

}  // namespace strandline::wire
