#include "protocol/base/uuid.h"

#include <cstdint>
#include <cstring>

#include "protocol/base/bytes.h"
#include "protocol/base/errc.h"

namespace strandline {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kTextLength = 22;

}  // namespace

Uuid make_uuid(Prng& prng) {
  for (;;) {
    Uuid id;
    store_be(id.bytes.data(), prng.next());
    store_be(id.bytes.data() + 8, prng.next());
    id.bytes[6] = (id.bytes[6] & std::byte{0x0f}) | std::byte{0x40};
    id.bytes[8] = (id.bytes[8] & std::byte{0x3f}) | std::byte{0x80};
    if (to_text(id).front() != '-') return id;
  }
}

std::string to_text(const Uuid& id) {
  std::string text;
  text.reserve(kTextLength);
  std::uint32_t pending = 0;
  int bits = 0;
  for (const std::byte b : id.bytes) {
    pending = (pending << 8) | static_cast<std::uint32_t>(b);
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      text.push_back(kAlphabet[(pending >> bits) & 63]);
    }
  }
  text.push_back(kAlphabet[(pending << (6 - bits)) & 63]);
  return text;
}

Result<Uuid> uuid_from_text(std::string_view text) {
  if (text.size() != kTextLength) return Errc::invalid_uuid;
  Uuid id;
  std::uint32_t pending = 0;
  int bits = 0;
  std::size_t filled = 0;
  for (const char c : text) {
    const std::size_t digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return Errc::invalid_uuid;
    pending = (pending << 6) | static_cast<std::uint32_t>(digit);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      id.bytes[filled++] = static_cast<std::byte>(pending >> bits);
    }
  }
  // 22 digits carry 132 bits: the last four must be zero, or two texts would name one id.
  if ((pending & 0xf) != 0) return Errc::invalid_uuid;
  return id;
}

}  // namespace strandline

std::size_t std::hash<strandline::Uuid>::operator()(const strandline::Uuid& id) const noexcept {
  std::uint64_t low;
  std::memcpy(&low, id.bytes.data() + 8, sizeof(low));
  return low;
}
