// Decoding, derived from a message's description. Included by messages/*.cc alone.
#pragma once

#include <algorithm>
#include <utility>

#include "protocol/wire/codec.h"
#include "protocol/wire/field_type.h"
#include "protocol/wire/reader.h"

namespace strandline::wire::detail {

template <Described T>
void read_struct(Reader& reader, T& out);

template <FixedWidth T>
[[gnu::always_inline]] inline void read_present(Reader& reader, T& out) {
  if constexpr (std::same_as<T, Uuid>) {
    const ByteView raw = reader.take(sizeof(out.bytes));
    std::copy(raw.begin(), raw.end(), out.bytes.begin());
  } else {
    out = from_number<T>(reader.fixed<typename WireNumber<T>::type>());
  }
}

template <Described T>
void read_present(Reader& reader, T& out) {
  read_struct(reader, out);
}

// Text, records and lists: `length` is what was read in front of them, and not null.
inline void read_sized(Reader& reader, std::string_view& out, std::int64_t length) {
  out = as_text(reader.take(static_cast<std::uint64_t>(length)));
}

inline void read_sized(Reader& reader, std::string& out, std::int64_t length) {
  const ByteView bytes = reader.take(static_cast<std::uint64_t>(length));
  if (reader.charge(bytes.size())) out = as_text(bytes);
}

inline void read_sized(Reader& reader, Records& out, std::int64_t length) {
  out.bytes = reader.take(static_cast<std::uint64_t>(length));
}

template <class T>
void read_value(Reader& reader, T& out, FieldSpec spec);

// Makes room for one more element, charged before it is reserved. Capacity doubles towards `count`
// and never beyond it, so a count that lies costs at most twice what really came.
template <class T>
bool make_room(Reader& reader, std::vector<T>& out, std::size_t count) {
  if (out.size() < out.capacity()) return true;
  constexpr std::size_t kFirst = 4;
  const std::size_t wanted = std::min(count, std::max(kFirst, 2 * out.capacity()));
  if (!reader.charge((wanted - out.capacity()) * sizeof(T))) return false;
  out.reserve(wanted);
  return true;
}

template <class T>
void read_sized(Reader& reader, std::vector<T>& out, std::int64_t length) {
  const auto count = static_cast<std::size_t>(length);
  if constexpr (FixedWidth<T>) {
    if (reader.left() / fixed_bytes<T>() < count) return reader.fail(Errc::truncated_frame);
    if (!reader.charge(count * sizeof(T))) return;
    out.resize(count);
    for (T& item : out) read_present(reader, item);
  } else {
    // Every element takes a byte at least.
    if (reader.left() < count) return reader.fail(Errc::truncated_frame);
    for (std::size_t i = 0; i < count; ++i) {
      if (!make_room(reader, out, count)) return reader.note_index(i);
      read_value(reader, out.emplace_back(), FieldSpec{});
      if (reader.failed()) [[unlikely]]
        return reader.note_index(i);
    }
  }
}

template <class T>
std::int64_t read_length(Reader& reader) {
  return Text<T> ? reader.length16() : reader.length32();
}

template <Optional T>
void read_optional(Reader& reader, T& out, FieldSpec spec) {
  using Value = typename OptionalOf<T>::value_type;
  const bool may_be_null = spec.may_be_null(reader.version());
  if constexpr (Described<Value>) {
    if (may_be_null && reader.fixed<std::int8_t>() < 0) return out.reset();
    if (!reader.failed()) read_struct(reader, out.emplace());
  } else {
    const std::int64_t length = read_length<Value>(reader);
    if (reader.failed()) return;
    if (length >= 0) return read_sized(reader, out.emplace(), length);
    if (!may_be_null) return reader.fail(Errc::malformed_frame);
    out.reset();
  }
}

template <class T>
[[gnu::always_inline]] inline void read_value(Reader& reader, T& out, FieldSpec spec) {
  if constexpr (Optional<T>) {
    read_optional(reader, out, spec);
  } else if constexpr (FixedWidth<T> || Described<T>) {
    read_present(reader, out);
  } else {
    const std::int64_t length = read_length<T>(reader);
    if (reader.failed()) return;
    if (length >= 0) return read_sized(reader, out, length);
    // Records that may be null but are never so in memory: null reads as empty.
    if (!std::same_as<T, Records> || !spec.may_be_null(reader.version())) {
      reader.fail(Errc::malformed_frame);
    }
  }
}

template <class T>
class FieldReader {
 public:
  FieldReader(Reader& reader, T& out) : reader_(reader), out_(out) {}

  template <class Field>
  [[gnu::always_inline]] void operator()(const char* name, Field T::* field, FieldSpec spec = {}) {
    if (spec.is_tagged() || reader_.failed() || !spec.present(reader_.version())) return;
    read_value(reader_, out_.*field, spec);
    if (reader_.failed()) [[unlikely]]
      reader_.note_field(name);
  }

 private:
  Reader& reader_;
  T& out_;
};

// Finds the field with one tag and reads it.
template <class T>
class TaggedFieldReader {
 public:
  TaggedFieldReader(Reader& reader, T& out, std::uint32_t tag)
      : reader_(reader), out_(out), tag_(tag) {}

  template <class Field>
  void operator()(const char* name, Field T::* field, FieldSpec spec = {}) {
    if (!spec.is_tagged() || static_cast<std::uint32_t>(spec.tag_number) != tag_) return;
    if (!spec.present(reader_.version())) return;
    known_ = true;
    read_value(reader_, out_.*field, spec);
    if (!reader_.failed() && reader_.left() != 0) reader_.fail(Errc::malformed_frame);
    if (reader_.failed()) reader_.note_field(name);
  }
  bool known() const { return known_; }

 private:
  Reader& reader_;
  T& out_;
  std::uint32_t tag_;
  bool known_ = false;
};

template <Described T>
void read_tags(Reader& reader, T& out) {
  const std::uint32_t count = reader.uvarint();
  std::int64_t last_tag = -1;
  for (std::uint32_t i = 0; i < count && !reader.failed(); ++i) {
    const std::uint32_t tag = reader.uvarint();
    const std::uint32_t bytes = reader.uvarint();
    if (reader.failed()) break;
    if (tag <= last_tag) return reader.fail(Errc::malformed_frame);
    if (bytes > reader.left()) return reader.fail(Errc::truncated_frame);
    last_tag = tag;
    if constexpr (survey_tags<T>().count() > 0) {
      const std::byte* const whole = reader.narrow(bytes);
      TaggedFieldReader<T> field{reader, out, tag};
      T::describe(field);
      if (!field.known()) reader.take(bytes);
      reader.widen(whole);
    } else {
      reader.take(bytes);
    }
  }
}

template <Described T>
void read_struct(Reader& reader, T& out) {
  static_assert(survey_tags<T>().in_order(), "describe tagged fields in ascending order");
  FieldReader<T> fields{reader, out};
  T::describe(fields);
  if (reader.flexible() && !reader.failed()) read_tags(reader, out);
}

}  // namespace strandline::wire::detail

namespace strandline::wire {

template <Message M>
Result<M> decode(ByteView body, std::int16_t version, DecodeBudget& budget,
                 DecodeFailure* failure) {
  detail::Reader reader{body, version, M::kApi.is_flexible(version), budget};
  Result<M> message{M{}};
  detail::read_struct(reader, message.assume_value());
  if (reader.failed()) [[unlikely]] {
    if (failure != nullptr) reader.report(*failure);
    return reader.errc();
  }
  return message;
}

}  // namespace strandline::wire
