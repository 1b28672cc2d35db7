#include "tests/chaos/client/signed_value.h"

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace strandline::chaos {
namespace {

constexpr std::string_view kMagic = "SLCT";
constexpr std::size_t kHeadBytes =
    24;  // magic, producer, partition, counter, length of the pattern
constexpr std::size_t kCrcBytes = 4;

template <class T>
void put(std::string& out, T value) {
  std::byte raw[sizeof(T)];
  store_be(raw, value);
  out += as_text(raw);
}

std::uint32_t crc_of(std::string_view bytes) {
  const auto* const data = reinterpret_cast<const Bytef*>(bytes.data());
  return static_cast<std::uint32_t>(crc32(0, data, static_cast<uInt>(bytes.size())));
}

// Mostly small, sometimes large enough to span pages.
std::uint32_t pattern_length(const Signature& signature) {
  std::string name;
  put(name, signature.producer);
  put(name, signature.partition);
  put(name, static_cast<std::uint32_t>(signature.counter));
  const std::uint32_t crc = crc_of(name);
  return crc % 64 == 0 ? 8000 + crc % 4000 : crc % 300;
}

}  // namespace

std::string value_of(const Signature& signature) {
  const std::uint32_t length = pattern_length(signature);
  std::string head{kMagic};
  put(head, signature.producer);
  put(head, signature.partition);
  put(head, signature.counter);
  put(head, length);
  std::string value = head;
  while (value.size() < head.size() + length) {
    value += head.substr(0, std::min(head.size(), head.size() + length - value.size()));
  }
  put(value, crc_of(value));
  return value;
}

std::optional<Signature> identify(ByteView value) {
  if (value.size() < kHeadBytes + kCrcBytes || !as_text(value).starts_with(kMagic)) {
    return std::nullopt;
  }
  const std::size_t body = value.size() - kCrcBytes;
  if (crc_of(as_text(value.first(body))) != load_be<std::uint32_t>(value.data() + body)) {
    return std::nullopt;
  }
  return Signature{.producer = load_be<std::uint32_t>(value.data() + 4),
                   .partition = load_be<std::uint32_t>(value.data() + 8),
                   .counter = load_be<std::uint64_t>(value.data() + 12)};
}

}  // namespace strandline::chaos
