// Writes primitives of the wire at the end of a frame under way. For the codec alone.
//
// Thread   one owner
// Owns     nothing
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "protocol/base/bytes.h"
#include "protocol/wire/codec.h"

namespace strandline::wire::detail {

class Writer {
 public:
  Writer(EncodedFrame& out, std::int16_t version, bool flexible)
      : out_(out), version_(version), flexible_(flexible) {}

  std::int16_t version() const { return version_; }
  bool flexible() const { return flexible_; }
  std::size_t size() const { return out_.buffer.size(); }
  std::uint64_t external_bytes() const { return external_bytes_; }

  template <class T>
  [[gnu::always_inline]] void fixed(T value) {
    store_be(out_.buffer.extend(sizeof(T)), value);
  }
  template <class T>
  void fixed_at(std::size_t position, T value) {
    store_be(out_.buffer.data() + position, value);
  }

  void uvarint(std::uint32_t value) {
    while (value >= 0x80) {
      fixed(static_cast<std::uint8_t>(value | 0x80U));
      value >>= 7;
    }
    fixed(static_cast<std::uint8_t>(value));
  }

  void bytes(ByteView bytes) { out_.buffer.append(bytes); }

  // Length -1 is null.
  void length16(std::int64_t length) {
    if (flexible_) return uvarint(static_cast<std::uint32_t>(length + 1));
    fixed(static_cast<std::int16_t>(length));
  }
  void length32(std::int64_t length) {
    if (flexible_) return uvarint(static_cast<std::uint32_t>(length + 1));
    fixed(static_cast<std::int32_t>(length));
  }

  void text(std::string_view text) {
    if (!flexible_ && text.size() > kPlainTextMax) [[unlikely]]
      text = cut(text);
    length16(static_cast<std::int64_t>(text.size()));
    bytes(as_bytes(text));
  }

  // Records and the note of those that the sender puts in.
  void external(std::uint64_t bytes, std::uint64_t id) {
    out_.splices.push_back({size(), bytes, id});
    external_bytes_ += bytes;
  }

  // Puts the size of everything since `start` in front of it: the payload of a tagged field.
  void prefix_size(std::size_t start);

 private:
  static constexpr std::size_t kPlainTextMax = 32767;  // int16 length

  static std::string_view cut(std::string_view text);

  EncodedFrame& out_;
  std::int16_t version_;
  bool flexible_;
  std::uint64_t external_bytes_ = 0;
};

}  // namespace strandline::wire::detail
