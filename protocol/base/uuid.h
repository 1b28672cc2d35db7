// 128-bit ids: topics, clusters, data directories. All zero means "no id".
//
// Thread   values, no state
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "protocol/base/prng.h"
#include "protocol/base/result.h"

namespace strandline {

struct Uuid {
  std::array<std::byte, 16> bytes{};  // most significant first, as on the wire

  friend constexpr auto operator<=>(const Uuid&, const Uuid&) = default;
  bool is_zero() const { return *this == Uuid{}; }
};

// A version 4 id. Never zero, and never one whose text begins with '-', which command lines would
// take for an option.
Uuid make_uuid(Prng& prng);

// URL-safe base64 without padding, 22 characters, as Kafka prints ids.
std::string to_text(const Uuid& id);

// Errors   invalid_uuid   not 22 characters of URL-safe base64, or stray bits at the end
Result<Uuid> uuid_from_text(std::string_view text);

}  // namespace strandline

template <>
struct std::hash<strandline::Uuid> {
  std::size_t operator()(const strandline::Uuid& id) const noexcept;
};
