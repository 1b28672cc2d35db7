// Fills any described message with random values that its version can carry, so that what is
// encoded must come back equal. Derived from the same description as the codec.
#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "protocol/base/prng.h"
#include "protocol/wire/field_type.h"

namespace strandline::wire {

class RandomMessage {
 public:
  enum class Letters { any_byte, ascii };

  RandomMessage(std::uint64_t seed, std::int16_t version, Letters letters = Letters::any_byte)
      : prng_(seed), version_(version), letters_(letters) {}

  // Strings and records of the message live as long as this object.
  template <class M>
  M make() {
    M message;
    fill(message);
    return message;
  }

 private:
  template <class T>
  struct Filler {
    RandomMessage& random;
    T& out;

    template <class Field>
    void operator()(const char*, Field T::* field, FieldSpec spec = {}) {
      if (!spec.present(random.version_)) return;
      if (spec.is_tagged() && random.prng_.chance(1, 2)) return;
      random.fill_field(out.*field, spec);
    }
  };

  template <detail::Described T>
  void fill(T& out) {
    Filler<T> filler{*this, out};
    T::describe(filler);
  }

  template <class T>
  void fill_field(T& out, FieldSpec spec) {
    if constexpr (detail::Optional<T>) {
      if (spec.may_be_null(version_) && prng_.chance(1, 4)) return out.reset();
      fill_field(out.emplace(), spec);
    } else if constexpr (std::same_as<T, bool>) {
      out = prng_.chance(1, 2);
    } else if constexpr (std::same_as<T, Errc>) {
      out = static_cast<Errc>(static_cast<int>(prng_.below(131)) - 1);
    } else if constexpr (std::same_as<T, Uuid>) {
      out = make_uuid(prng_);
    } else if constexpr (detail::FixedWidth<T>) {
      using Number = typename detail::WireNumber<T>::type;
      out = detail::from_number<T>(static_cast<Number>(number()));
    } else if constexpr (std::same_as<T, Records>) {
      out.bytes = as_bytes(text(prng_.below(200)));
    } else if constexpr (detail::Text<T>) {
      out = text(text_length());
    } else if constexpr (detail::List<T>) {
      const std::uint64_t count = prng_.chance(1, 30) ? 130 : prng_.below(4);
      // One long list is enough: below it they are short, or a message would take megabytes.
      if (count > 4 && depth_ > 0) return;
      ++depth_;
      out.resize(count);
      for (auto& item : out) fill_field(item, FieldSpec{});
      --depth_;
    } else {
      fill(out);
    }
  }

  // Small numbers, huge ones and those around the bounds of each width.
  std::uint64_t number() {
    switch (prng_.below(4)) {
      case 0: return prng_.below(5) - 2;
      case 1: return (std::uint64_t{1} << prng_.below(64)) - prng_.below(2);
      default: return prng_.next();
    }
  }

  std::uint64_t text_length() {
    if (prng_.chance(1, 50)) return 127 + prng_.below(3);  // where a uvarint gets its second byte
    return prng_.below(12);
  }

  std::string_view text(std::uint64_t length) {
    std::string& made = texts_.emplace_back();
    for (std::uint64_t i = 0; i < length; ++i) {
      const bool ascii = letters_ == Letters::ascii;
      made += static_cast<char>(ascii ? 'a' + prng_.below(26) : prng_.below(256));
    }
    return made;
  }

  Prng prng_;
  std::int16_t version_;
  Letters letters_;
  int depth_ = 0;
  std::deque<std::string> texts_;  // a deque keeps views into its strings valid
};

}  // namespace strandline::wire
