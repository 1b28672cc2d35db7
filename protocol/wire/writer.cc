#include "protocol/wire/writer.h"

namespace strandline::wire::detail {

void Writer::prefix_size(std::size_t start) {
  const std::size_t payload = size() - start;
  uvarint(static_cast<std::uint32_t>(payload));
  std::byte prefix[5];
  const std::size_t prefix_bytes = size() - start - payload;
  std::byte* const at = out_.buffer.data() + start;
  std::memcpy(prefix, at + payload, prefix_bytes);
  std::memmove(at + prefix_bytes, at, payload);
  std::memcpy(at, prefix, prefix_bytes);
}

std::string_view Writer::cut(std::string_view text) {
  std::size_t end = kPlainTextMax;
  // Not inside a UTF-8 character: its further bytes are 10xxxxxx.
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  return text.substr(0, end);
}

}  // namespace strandline::wire::detail
