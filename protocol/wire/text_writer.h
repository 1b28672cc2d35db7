// Builds one line of text about a message, and stops at a length. For the codec alone.
//
// Thread   one owner
// Owns     its text
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/base/errc.h"
#include "protocol/base/uuid.h"

namespace strandline::wire::detail {

class TextWriter {
 public:
  TextWriter(std::int16_t version, std::size_t length_max)
      : version_(version), length_max_(length_max) {}

  std::int16_t version() const { return version_; }
  bool full() const { return text_.size() >= length_max_; }

  void raw(std::string_view text) {
    if (!full()) text_ += text;
  }
  void number(std::int64_t value) { raw(std::to_string(value)); }
  void boolean(bool value) { raw(value ? "true" : "false"); }
  void error(Errc errc);
  void id(const Uuid& uuid) { raw(to_text(uuid)); }
  // In quotes; what could break a line or a terminal is escaped.
  void quoted(std::string_view text);

  // The text, and "…" when it was cut.
  std::string take();

 private:
  std::int16_t version_;
  std::size_t length_max_;
  std::string text_;
};

}  // namespace strandline::wire::detail
