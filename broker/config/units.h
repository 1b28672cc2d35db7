// Sizes and times as people write them: "64MiB", "10s".
//
// Thread   pure functions
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace strandline {

// None: not a whole number, an unknown unit, or beyond 64 bits.
std::optional<std::int64_t> parse_integer(std::string_view text);

// Bytes: a number, or one with B, kB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB (of 1024).
std::optional<std::int64_t> parse_bytes(std::string_view text);

// Milliseconds: a number, or one with ms, s, m, h or d.
std::optional<std::int64_t> parse_duration_ms(std::string_view text);

// The shortest exact form that the two above read: "64MiB", "10s"; plain digits where none fits.
std::string bytes_text(std::int64_t bytes);
std::string duration_text(std::int64_t ms);

}  // namespace strandline
