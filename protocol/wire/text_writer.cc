#include "protocol/wire/text_writer.h"

#include <utility>

namespace strandline::wire::detail {

void TextWriter::error(Errc errc) {
  if (errc == Errc::ok) return raw("ok");
  raw(errc_name(errc));
  raw("(");
  number(kafka_code(errc));
  raw(")");
}

void TextWriter::quoted(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  raw("\"");
  for (const char c : text) {
    if (full()) return;
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      const char escaped[] = {'\\', c};
      raw({escaped, sizeof(escaped)});
    } else if (byte < 0x20 || byte >= 0x7f) {
      const char escaped[] = {'\\', 'x', kHex[byte >> 4U], kHex[byte & 0x0fU]};
      raw({escaped, sizeof(escaped)});
    } else {
      raw({&c, 1});
    }
  }
  raw("\"");
}

std::string TextWriter::take() {
  if (full()) {
    text_.resize(length_max_);
    text_ += "…";
  }
  return std::move(text_);
}

}  // namespace strandline::wire::detail
