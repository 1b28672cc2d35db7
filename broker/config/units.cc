#include "broker/config/units.h"

#include <charconv>
#include <span>

namespace strandline {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

// From small to large; those of 1024 last, which bytes_text() prefers.
constexpr Unit kByteUnits[] = {{"B", 1},
                               {"kB", 1'000},
                               {"MB", 1'000'000},
                               {"GB", 1'000'000'000},
                               {"TB", 1'000'000'000'000},
                               {"KiB", std::int64_t{1} << 10},
                               {"MiB", std::int64_t{1} << 20},
                               {"GiB", std::int64_t{1} << 30},
                               {"TiB", std::int64_t{1} << 40}};
constexpr std::size_t kFirstBinaryUnit = 5;
constexpr Unit kTimeUnits[] = {
    {"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};

std::optional<std::int64_t> parse(std::string_view text, std::span<const Unit> units) {
  std::int64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{}) return std::nullopt;
  auto rest = std::string_view{stopped, static_cast<std::size_t>(end - stopped)};
  if (rest.empty()) return number;
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  for (const auto& unit : units) {
    if (rest != unit.name) continue;
    std::int64_t product = 0;
    if (__builtin_mul_overflow(number, unit.factor, &product)) return std::nullopt;
    return product;
  }
  return std::nullopt;
}

std::string text_of(std::int64_t value, std::span<const Unit> units) {
  const Unit* best = nullptr;
  for (const auto& unit : units) {
    if (value != 0 && value % unit.factor == 0) best = &unit;
  }
  if (best == nullptr) return std::to_string(value);
  return std::to_string(value / best->factor) + std::string{best->name};
}

}  // namespace

std::optional<std::int64_t> parse_integer(std::string_view text) { return parse(text, {}); }

std::optional<std::int64_t> parse_bytes(std::string_view text) { return parse(text, kByteUnits); }

std::optional<std::int64_t> parse_duration_ms(std::string_view text) {
  return parse(text, kTimeUnits);
}

std::string bytes_text(std::int64_t bytes) {
  return text_of(bytes, std::span{kByteUnits}.subspan(kFirstBinaryUnit));
}

std::string duration_text(std::int64_t ms) { return text_of(ms, kTimeUnits); }

}  // namespace strandline
