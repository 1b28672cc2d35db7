// Views of bytes, and big-endian numbers in them (the byte order of the Kafka protocol).
//
// Thread   values, no state
// Owns     nothing: the bytes must outlive the view
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace strandline {

using ByteView = std::span<const std::byte>;
using MutableByteView = std::span<std::byte>;

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

namespace detail {
template <std::size_t N>
struct UnsignedOf;
template <>
struct UnsignedOf<1> {
  using type = std::uint8_t;
};
template <>
struct UnsignedOf<2> {
  using type = std::uint16_t;
};
template <>
struct UnsignedOf<4> {
  using type = std::uint32_t;
};
template <>
struct UnsignedOf<8> {
  using type = std::uint64_t;
};

constexpr std::uint8_t byte_swap(std::uint8_t v) { return v; }
constexpr std::uint16_t byte_swap(std::uint16_t v) { return __builtin_bswap16(v); }
constexpr std::uint32_t byte_swap(std::uint32_t v) { return __builtin_bswap32(v); }
constexpr std::uint64_t byte_swap(std::uint64_t v) { return __builtin_bswap64(v); }
}  // namespace detail

// Reads a big-endian integer at `from`, which need not be aligned. Needs sizeof(T) readable bytes.
template <std::integral T>
T load_be(const std::byte* from) {
  typename detail::UnsignedOf<sizeof(T)>::type raw;
  std::memcpy(&raw, from, sizeof(raw));
  if constexpr (std::endian::native == std::endian::little) raw = detail::byte_swap(raw);
  return static_cast<T>(raw);
}

// Writes a big-endian integer at `to`, which need not be aligned. Needs sizeof(T) writable bytes.
template <std::integral T>
void store_be(std::byte* to, T value) {
  auto raw = static_cast<typename detail::UnsignedOf<sizeof(T)>::type>(value);
  if constexpr (std::endian::native == std::endian::little) raw = detail::byte_swap(raw);
  std::memcpy(to, &raw, sizeof(raw));
}

}  // namespace strandline
