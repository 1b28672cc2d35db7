// In which versions of a message a field exists, may be null, and whether it is tagged. Written
// after the field in a description, and close to how the protocol's own schemas put it:
//
//   v("rack", &Broker::rack, since(1).nullable());
//   v("current_leader", &Partition::current_leader, since(12).tag(1));
//
// A description is a static function template of the struct, `describe(V& v)`, that names each
// field once in wire order; tagged fields come in ascending order of their tags. The member's
// initialiser in the struct is the value that an absent field has.
//
// Thread   values
#pragma once

#include <cstdint>

namespace strandline::wire {

struct FieldSpec {
  static constexpr std::int16_t kNever = 0x7fff;
  static constexpr std::int16_t kNotTagged = -1;

  std::int16_t since_version = 0;
  std::int16_t until_version = kNever;  // absent from here on
  std::int16_t null_since = kNever;
  std::int16_t null_until = kNever;
  std::int16_t tag_number = kNotTagged;

  constexpr bool present(std::int16_t version) const {
    return since_version <= version && version < until_version;
  }
  constexpr bool may_be_null(std::int16_t version) const {
    return null_since <= version && version < null_until;
  }
  constexpr bool is_tagged() const { return tag_number != kNotTagged; }

  constexpr FieldSpec until(std::int16_t version) const {
    FieldSpec spec = *this;
    spec.until_version = version;
    return spec;
  }
  // Null allowed from version `first` on, and not any more from `end` on.
  constexpr FieldSpec nullable(std::int16_t first = 0, std::int16_t end = kNever) const {
    FieldSpec spec = *this;
    spec.null_since = first;
    spec.null_until = end;
    return spec;
  }
  constexpr FieldSpec tag(std::int16_t number) const {
    FieldSpec spec = *this;
    spec.tag_number = number;
    return spec;
  }
};

constexpr FieldSpec since(std::int16_t version) { return FieldSpec{.since_version = version}; }
constexpr FieldSpec until(std::int16_t version) { return FieldSpec{}.until(version); }
constexpr FieldSpec nullable(std::int16_t first = 0, std::int16_t end = FieldSpec::kNever) {
  return FieldSpec{}.nullable(first, end);
}

}  // namespace strandline::wire
