// The variable-length numbers inside records: zigzag, seven bits a byte, least significant first.
// Lengths and counts take at most 5 bytes, times at most 10; bits beyond the number's width are
// refused, since two readers could differ on them.
//
// Thread   values, no state
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace strandline {

inline constexpr std::size_t kVarintBytesMax = 5;
inline constexpr std::size_t kVarlongBytesMax = 10;

namespace detail {

template <class Unsigned>
constexpr auto zigzag_decode(Unsigned raw) {
  using Signed = std::make_signed_t<Unsigned>;
  return static_cast<Signed>((raw >> 1) ^ (~(raw & 1) + 1));
}

// The rest of a number whose first byte had its top bit set. Apart, so that one byte stays fast.
template <class Unsigned>
const std::byte* read_long_varint(const std::byte* at, const std::byte* end, Unsigned& raw) {
  constexpr int kBits = static_cast<int>(sizeof(Unsigned)) * 8;
  raw = 0;
  for (int shift = 0; shift < kBits; shift += 7) {
    if (at == end) return nullptr;
    const auto byte = static_cast<Unsigned>(*at++);
    const Unsigned bits = byte & 0x7fU;
    if (kBits - shift < 7 && (bits >> (kBits - shift)) != 0) return nullptr;
    raw |= bits << shift;
    if ((byte & 0x80U) == 0) return at;
  }
  return nullptr;
}

template <class Unsigned, class Signed>
inline const std::byte* read_zigzag(const std::byte* at, const std::byte* end, Signed& value) {
  if (at == end) return nullptr;
  auto raw = static_cast<Unsigned>(*at);
  if (raw < 0x80U) [[likely]] {
    value = zigzag_decode(raw);
    return at + 1;
  }
  // Two bytes hold the lengths up to 8191, which is nearly every record.
  if (end - at >= 2 && static_cast<Unsigned>(at[1]) < 0x80U) [[likely]] {
    value =
        zigzag_decode(static_cast<Unsigned>((raw & 0x7fU) | (static_cast<Unsigned>(at[1]) << 7)));
    return at + 2;
  }
  at = read_long_varint(at, end, raw);
  value = zigzag_decode(raw);
  return at;
}

template <class Unsigned>
inline std::byte* write_varint(std::byte* at, Unsigned raw) {
  while (raw >= 0x80U) {
    *at++ = static_cast<std::byte>(raw | 0x80U);
    raw >>= 7;
  }
  *at++ = static_cast<std::byte>(raw);
  return at;
}

template <class Unsigned>
constexpr std::size_t varint_bytes(Unsigned raw) {
  std::size_t bytes = 1;
  for (; raw >= 0x80U; raw >>= 7) ++bytes;
  return bytes;
}

template <class Unsigned, class Signed>
constexpr Unsigned zigzag_encode(Signed value) {
  return (static_cast<Unsigned>(value) << 1) ^ static_cast<Unsigned>(value < 0 ? -1 : 0);
}

}  // namespace detail

// Reads a number at `at`; returns the byte after it, or nullptr when it does not end before `end`
// or is too long (then `value` means nothing).
inline const std::byte* read_varint(const std::byte* at, const std::byte* end,
                                    std::int32_t& value) {
  return detail::read_zigzag<std::uint32_t>(at, end, value);
}
inline const std::byte* read_varlong(const std::byte* at, const std::byte* end,
                                     std::int64_t& value) {
  return detail::read_zigzag<std::uint64_t>(at, end, value);
}

// Writes a number at `at` and returns the byte after it. Needs kVarintBytesMax or kVarlongBytesMax
// writable bytes.
inline std::byte* write_varint(std::byte* at, std::int32_t value) {
  return detail::write_varint(at, detail::zigzag_encode<std::uint32_t>(value));
}
inline std::byte* write_varlong(std::byte* at, std::int64_t value) {
  return detail::write_varint(at, detail::zigzag_encode<std::uint64_t>(value));
}

constexpr std::size_t varint_bytes(std::int32_t value) {
  return detail::varint_bytes(detail::zigzag_encode<std::uint32_t>(value));
}
constexpr std::size_t varlong_bytes(std::int64_t value) {
  return detail::varint_bytes(detail::zigzag_encode<std::uint64_t>(value));
}

}  // namespace strandline
