// Encoding, derived from a message's description. Included by messages/*.cc alone.
#pragma once

#include "protocol/base/assertion.h"
#include "protocol/wire/codec.h"
#include "protocol/wire/field_type.h"
#include "protocol/wire/frame.h"
#include "protocol/wire/writer.h"

namespace strandline::wire::detail {

template <Described T>
void write_struct(Writer& writer, const T& value);

template <class T>
void write_value(Writer& writer, const T& value, FieldSpec spec);

inline void write_records(Writer& writer, const Records& records) {
  writer.length32(static_cast<std::int64_t>(records.size_bytes()));
  if (records.external_bytes > 0)
    return writer.external(records.external_bytes, records.external_id);
  writer.bytes(records.bytes);
}

template <class T>
[[gnu::always_inline]] inline void write_present(Writer& writer, const T& value) {
  if constexpr (std::same_as<T, Uuid>) {
    writer.bytes(value.bytes);
  } else if constexpr (FixedWidth<T>) {
    writer.fixed(to_number(value));
  } else if constexpr (Text<T>) {
    writer.text(value);
  } else if constexpr (std::same_as<T, Records>) {
    write_records(writer, value);
  } else if constexpr (List<T>) {
    writer.length32(static_cast<std::int64_t>(value.size()));
    for (const auto& item : value) write_value(writer, item, FieldSpec{});
  } else {
    write_struct(writer, value);
  }
}

template <Optional T>
void write_optional(Writer& writer, const T& value, FieldSpec spec) {
  using Value = typename OptionalOf<T>::value_type;
  const bool may_be_null = spec.may_be_null(writer.version());
  if constexpr (Described<Value>) {
    if (may_be_null) writer.fixed(static_cast<std::int8_t>(value ? 1 : -1));
    if (value) return write_struct(writer, *value);
    if (!may_be_null) write_struct(writer, Value{});
  } else {
    if (value) return write_present(writer, *value);
    const std::int64_t length = may_be_null ? -1 : 0;
    if constexpr (Text<Value>) {
      writer.length16(length);
    } else {
      writer.length32(length);
    }
  }
}

template <class T>
[[gnu::always_inline]] inline void write_value(Writer& writer, const T& value, FieldSpec spec) {
  if constexpr (Optional<T>) {
    write_optional(writer, value, spec);
  } else {
    write_present(writer, value);
  }
}

template <class T>
class FieldWriter {
 public:
  FieldWriter(Writer& writer, const T& value) : writer_(writer), value_(value) {}

  template <class Field>
  [[gnu::always_inline]] void operator()(const char*, Field T::* field, FieldSpec spec = {}) {
    if (spec.is_tagged() || !spec.present(writer_.version())) return;
    write_value(writer_, value_.*field, spec);
  }

 private:
  Writer& writer_;
  const T& value_;
};

// Tagged fields that hold what an absent one means are not sent. The first pass counts, the second
// writes.
template <class T>
class TaggedFieldWriter {
 public:
  TaggedFieldWriter(Writer& writer, const T& value, bool counting)
      : writer_(writer), value_(value), counting_(counting) {}

  template <class Field>
  void operator()(const char*, Field T::* field, FieldSpec spec = {}) {
    static const T kDefault{};
    if (!spec.is_tagged() || !spec.present(writer_.version())) return;
    if (value_.*field == kDefault.*field) return;
    ++count_;
    if (counting_) return;
    writer_.uvarint(static_cast<std::uint32_t>(spec.tag_number));
    const std::size_t start = writer_.size();
    write_value(writer_, value_.*field, spec);
    writer_.prefix_size(start);
  }
  std::uint32_t count() const { return count_; }

 private:
  Writer& writer_;
  const T& value_;
  bool counting_;
  std::uint32_t count_ = 0;
};

template <Described T>
void write_tags(Writer& writer, const T& value) {
  if constexpr (survey_tags<T>().count() == 0) {
    writer.uvarint(0);
  } else {
    TaggedFieldWriter<T> counter{writer, value, true};
    T::describe(counter);
    writer.uvarint(counter.count());
    if (counter.count() == 0) return;
    TaggedFieldWriter<T> fields{writer, value, false};
    T::describe(fields);
  }
}

template <Described T>
void write_struct(Writer& writer, const T& value) {
  FieldWriter<T> fields{writer, value};
  T::describe(fields);
  if (writer.flexible()) write_tags(writer, value);
}

// Reserves the size in front of a frame; returns where it is.
inline std::size_t begin_frame(Writer& writer) {
  const std::size_t at = writer.size();
  writer.fixed(std::int32_t{0});
  return at;
}

inline void end_frame(Writer& writer, std::size_t at) {
  const std::uint64_t bytes = writer.size() - at - kFrameSizeBytes + writer.external_bytes();
  STRANDLINE_ASSERT(bytes <= INT32_MAX);
  writer.fixed_at(at, static_cast<std::int32_t>(bytes));
}

}  // namespace strandline::wire::detail

namespace strandline::wire {

template <Message M>
void encode_body(const M& message, std::int16_t version, EncodedFrame& out) {
  detail::Writer writer{out, version, M::kApi.is_flexible(version)};
  detail::write_struct(writer, message);
}

template <Message M>
void encode_response(const M& response, std::int16_t version, std::int32_t correlation_id,
                     EncodedFrame& out) {
  const bool flexible = M::kApi.is_flexible(version);
  detail::Writer writer{out, version, flexible};
  const std::size_t start = detail::begin_frame(writer);
  writer.fixed(correlation_id);
  if (flexible && !M::kApi.plain_response_header) writer.uvarint(0);
  detail::write_struct(writer, response);
  detail::end_frame(writer, start);
}

template <Message M>
void encode_request(const M& request, std::int16_t version, std::int32_t correlation_id,
                    std::string_view client_id, EncodedFrame& out) {
  const bool flexible = M::kApi.is_flexible(version);
  // The client id keeps its int16 length in flexible headers too.
  detail::Writer header{out, version, false};
  const std::size_t start = detail::begin_frame(header);
  header.fixed(static_cast<std::int16_t>(M::kApi.key));
  header.fixed(version);
  header.fixed(correlation_id);
  header.text(client_id);
  detail::Writer body{out, version, flexible};
  if (flexible) body.uvarint(0);
  detail::write_struct(body, request);
  detail::end_frame(body, start);
}

}  // namespace strandline::wire
