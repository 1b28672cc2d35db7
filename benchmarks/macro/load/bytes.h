// Big-endian writing and reading for the few requests the load generator sends.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace load {

class Writer {
 public:
  template <class T>
  void number(T value) {
    for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8) {
      bytes_.push_back(static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) >> shift));
    }
  }
  void i8(std::int8_t value) { number(value); }
  void i16(std::int16_t value) { number(value); }
  void i32(std::int32_t value) { number(value); }
  void i64(std::int64_t value) { number(value); }
  void varint(std::int64_t value) {
    auto zigzag =
        (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
    while (zigzag >= 0x80) {
      bytes_.push_back(static_cast<std::uint8_t>(zigzag | 0x80));
      zigzag >>= 7;
    }
    bytes_.push_back(static_cast<std::uint8_t>(zigzag));
  }
  void string(const std::string& text) {
    i16(static_cast<std::int16_t>(text.size()));
    raw(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  }
  void raw(const std::uint8_t* data, std::size_t size) {
    bytes_.insert(bytes_.end(), data, data + size);
  }
  void raw(const std::vector<std::uint8_t>& data) { raw(data.data(), data.size()); }

  // Overwrites four bytes written earlier.
  void patch_i32(std::size_t at, std::uint32_t value) {
    for (int n = 0; n < 4; ++n) bytes_[at + n] = static_cast<std::uint8_t>(value >> (24 - 8 * n));
  }

  std::vector<std::uint8_t>& bytes() { return bytes_; }

 private:
  std::vector<std::uint8_t> bytes_;
};

template <class T>
T read(const std::uint8_t* at) {
  std::uint64_t value = 0;
  for (std::size_t n = 0; n < sizeof(T); ++n) value = value << 8 | at[n];
  return static_cast<T>(value);
}

}  // namespace load
