// Sorts the C++ types of message fields by how they lie on the wire. For the codec alone.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "protocol/base/errc.h"
#include "protocol/base/uuid.h"
#include "protocol/wire/field.h"
#include "protocol/wire/types.h"

namespace strandline::wire::detail {

template <class T>
struct OptionalOf : std::false_type {};
template <class T>
struct OptionalOf<std::optional<T>> : std::true_type {
  using value_type = T;
};
template <class T>
concept Optional = OptionalOf<T>::value;

template <class T>
struct VectorOf : std::false_type {};
template <class T>
struct VectorOf<std::vector<T>> : std::true_type {};
template <class T>
concept List = VectorOf<T>::value;

template <class T>
concept Text = std::same_as<T, std::string_view> || std::same_as<T, std::string>;

// Offset, BrokerId and their like.
template <class T>
concept StrongNumber = requires(const T& t) {
  typename T::rep;
  { t.value() } -> std::same_as<typename T::rep>;
};

// What is always the same number of bytes.
template <class T>
concept FixedWidth =
    std::integral<T> || std::is_enum_v<T> || StrongNumber<T> || std::same_as<T, Uuid>;

template <class T>
struct WireNumber {
  using type = T;
};
template <StrongNumber T>
struct WireNumber<T> {
  using type = typename T::rep;
};
template <class T>
  requires std::is_enum_v<T>
struct WireNumber<T> {
  using type = std::underlying_type_t<T>;
};
template <>
struct WireNumber<Errc> {
  using type = std::int16_t;
};
template <>
struct WireNumber<bool> {
  using type = std::int8_t;
};

template <FixedWidth T>
constexpr std::size_t fixed_bytes() {
  if constexpr (std::same_as<T, Uuid>) {
    return sizeof(Uuid::bytes);
  } else {
    return sizeof(typename WireNumber<T>::type);
  }
}

template <FixedWidth T>
  requires(!std::same_as<T, Uuid>)
constexpr typename WireNumber<T>::type to_number(const T& value) {
  if constexpr (std::same_as<T, Errc>) {
    return kafka_code(value);
  } else if constexpr (StrongNumber<T>) {
    return value.value();
  } else {
    return static_cast<typename WireNumber<T>::type>(value);
  }
}

template <FixedWidth T>
  requires(!std::same_as<T, Uuid>)
constexpr T from_number(typename WireNumber<T>::type number) {
  if constexpr (std::same_as<T, Errc>) {
    // Numbers from 1000 on are our own causes and never travel.
    return number < -1 || number >= 1000 ? Errc::unknown_server_error : static_cast<Errc>(number);
  } else if constexpr (std::same_as<T, bool>) {
    return number != 0;
  } else if constexpr (StrongNumber<T>) {
    return T{number};
  } else {
    return static_cast<T>(number);
  }
}

// Counts the tagged fields of a struct, and sees that they come in order.
template <class T>
class TagSurvey {
 public:
  template <class Field>
  constexpr void operator()(const char*, Field T::*, FieldSpec spec = {}) {
    if (!spec.is_tagged()) return;
    in_order_ = in_order_ && spec.tag_number > last_;
    last_ = spec.tag_number;
    ++count_;
  }
  constexpr int count() const { return count_; }
  constexpr bool in_order() const { return in_order_; }

 private:
  int count_ = 0;
  std::int16_t last_ = -1;
  bool in_order_ = true;
};

template <class T>
concept Described = requires(TagSurvey<T>& survey) { T::describe(survey); };

template <Described T>
consteval TagSurvey<T> survey_tags() {
  TagSurvey<T> survey;
  T::describe(survey);
  return survey;
}

}  // namespace strandline::wire::detail
