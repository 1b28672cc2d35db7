// Printing, derived from a message's description. Included by messages/*.cc alone.
#pragma once

#include "protocol/wire/codec.h"
#include "protocol/wire/field_type.h"
#include "protocol/wire/text_writer.h"

namespace strandline::wire::detail {

template <Described T>
void print_struct(TextWriter& text, const T& value);

template <class T>
void print_value(TextWriter& text, const T& value) {
  if constexpr (Optional<T>) {
    if (value) return print_value(text, *value);
    text.raw("null");
  } else if constexpr (std::same_as<T, bool>) {
    text.boolean(value);
  } else if constexpr (std::same_as<T, Errc>) {
    text.error(value);
  } else if constexpr (std::same_as<T, Uuid>) {
    text.id(value);
  } else if constexpr (FixedWidth<T>) {
    text.number(to_number(value));
  } else if constexpr (Text<T>) {
    text.quoted(value);
  } else if constexpr (std::same_as<T, Records>) {
    text.number(static_cast<std::int64_t>(value.size_bytes()));
    text.raw(" bytes");
  } else if constexpr (List<T>) {
    text.raw("[");
    bool first = true;
    for (const auto& item : value) {
      if (text.full()) return;
      if (!first) text.raw(", ");
      first = false;
      print_value(text, item);
    }
    text.raw("]");
  } else {
    print_struct(text, value);
  }
}

template <class T>
class FieldPrinter {
 public:
  FieldPrinter(TextWriter& text, const T& value) : text_(text), value_(value) {}

  template <class Field>
  void operator()(const char* name, Field T::* field, FieldSpec spec = {}) {
    static const T kDefault{};
    if (text_.full() || !spec.present(text_.version())) return;
    if (spec.is_tagged() && value_.*field == kDefault.*field) return;
    if (!first_) text_.raw(", ");
    first_ = false;
    text_.raw(name);
    text_.raw(": ");
    print_value(text_, value_.*field);
  }

 private:
  TextWriter& text_;
  const T& value_;
  bool first_ = true;
};

template <Described T>
void print_struct(TextWriter& text, const T& value) {
  text.raw("{");
  FieldPrinter<T> fields{text, value};
  T::describe(fields);
  text.raw("}");
}

}  // namespace strandline::wire::detail

namespace strandline::wire {

template <Message M>
std::string to_text(const M& message, std::int16_t version, std::size_t length_max) {
  detail::TextWriter text{version, length_max};
  text.raw(M::kName);
  text.raw(" v");
  text.number(version);
  text.raw(" ");
  detail::print_struct(text, message);
  return text.take();
}

}  // namespace strandline::wire
