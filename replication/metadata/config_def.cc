#include "replication/metadata/config_def.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include "protocol/base/assertion.h"

namespace strandline {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string lowered(std::string_view text) {
  std::string out{text};
  for (auto& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stopped != end) return std::nullopt;
  return value;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> items;
  while (true) {
    const auto at = text.find(separator);
    const auto item = trimmed(text.substr(0, at));
    if (!item.empty()) items.emplace_back(item);
    if (at == std::string_view::npos) return items;
    text.remove_prefix(at + 1);
  }
}

std::string joined(const std::vector<std::string>& items, std::string_view separator) {
  std::string out;
  for (const auto& item : items) {
    if (!out.empty()) out += separator;
    out += item;
  }
  return out;
}

std::string_view type_name(ConfigType type) {
  switch (type) {
    case ConfigType::boolean: return "a boolean, true or false";
    case ConfigType::text: return "a string";
    case ConfigType::int32: return "a 32-bit integer";
    case ConfigType::int64: return "a 64-bit integer";
    case ConfigType::real: return "a number";
    case ConfigType::list: return "a list";
  }
  return "unknown";
}

std::string text_of(double value) {
  char buffer[32];
  const auto [end, error] = std::to_chars(std::begin(buffer), std::end(buffer), value);
  return {buffer, error == std::errc{} ? end : buffer};
}

ConfigCheck refused(const ConfigDef& def, std::string_view value, std::string_view reason) {
  constexpr std::size_t kShownMax = 200;  // a message must stay a line, whatever was sent
  std::string text = "Invalid value '";
  text += value.substr(0, kShownMax);
  text += value.size() > kShownMax ? "…' for configuration " : "' for configuration ";
  text += def.name;
  text += ": ";
  text += reason;
  return {.canonical = {}, .error = std::move(text)};
}

ConfigCheck check_integer(const ConfigDef& def, std::string_view value) {
  const auto number = parse_number<std::int64_t>(value);
  const bool fits = number && (def.type == ConfigType::int64 ||
                               (*number >= std::numeric_limits<std::int32_t>::min() &&
                                *number <= std::numeric_limits<std::int32_t>::max()));
  if (!fits) return refused(def, value, "must be " + std::string{type_name(def.type)});
  if (*number < def.min || *number > def.max) {
    return refused(def, value, "must be " + allowed_range(def));
  }
  return {.canonical = std::to_string(*number), .error = {}};
}

ConfigCheck check_real(const ConfigDef& def, std::string_view value) {
  const auto number = parse_number<double>(value);
  if (!number || !std::isfinite(*number)) return refused(def, value, "must be a number");
  if (*number < def.real_min || *number > def.real_max) {
    return refused(def, value, "must be " + allowed_range(def));
  }
  return {.canonical = text_of(*number), .error = {}};
}

bool is_choice(const ConfigDef& def, const std::string& text) {
  return def.choices.empty() || std::ranges::find(def.choices, text) != def.choices.end();
}

}  // namespace

const ConfigDef* find_config(std::span<const ConfigDef> sorted, std::string_view name) {
  const auto it = std::ranges::lower_bound(sorted, name, {}, &ConfigDef::name);
  return it != sorted.end() && it->name == name ? &*it : nullptr;
}

std::string allowed_range(const ConfigDef& def) {
  using Limits = std::numeric_limits<std::int64_t>;
  switch (def.type) {
    case ConfigType::boolean: return "true or false";
    case ConfigType::text:
    case ConfigType::list: return def.choices.empty() ? "" : "one of " + joined(def.choices, ", ");
    case ConfigType::real:
      return "between " + text_of(def.real_min) + " and " + text_of(def.real_max);
    case ConfigType::int32:
    case ConfigType::int64: break;
  }
  const auto type_max =
      def.type == ConfigType::int32 ? std::numeric_limits<std::int32_t>::max() : Limits::max();
  const bool has_min = def.min > Limits::min();
  const bool has_max = def.max < type_max;
  if (has_min && has_max) {
    if (def.min == def.max) return std::to_string(def.min);
    return "between " + std::to_string(def.min) + " and " + std::to_string(def.max);
  }
  if (has_min) return "at least " + std::to_string(def.min);
  return has_max ? "at most " + std::to_string(def.max) : "";
}

ConfigCheck check_config_value(const ConfigDef& def, std::string_view raw) {
  const auto value = trimmed(raw);
  if (value.size() > kConfigValueBytesMax) {
    return refused(def, value,
                   "must not be longer than " + std::to_string(kConfigValueBytesMax) + " bytes");
  }
  const bool is_printable = std::ranges::all_of(value, [](char c) { return c >= ' ' && c <= '~'; });
  if (!is_printable) return refused(def, "", "must be printable ASCII");
  switch (def.type) {
    case ConfigType::boolean: {
      auto word = lowered(value);
      if (word != "true" && word != "false") return refused(def, value, "must be true or false");
      return {.canonical = std::move(word), .error = {}};
    }
    case ConfigType::int32:
    case ConfigType::int64: return check_integer(def, value);
    case ConfigType::real: return check_real(def, value);
    case ConfigType::text: {
      std::string text{value};
      if (!is_choice(def, text)) return refused(def, value, "must be " + allowed_range(def));
      return {.canonical = std::move(text), .error = {}};
    }
    case ConfigType::list: break;
  }
  const auto items = split(value, ',');
  std::vector<std::string> kept;
  for (const auto& item : items) {
    if (!is_choice(def, item))
      return refused(def, value, "each item must be " + allowed_range(def));
    if (std::ranges::find(kept, item) == kept.end()) kept.push_back(item);
  }
  if (kept.empty() && !def.choices.empty()) return refused(def, value, "must not be empty");
  return {.canonical = joined(kept, ","), .error = {}};
}

std::string nearest_name(std::string_view wanted, std::span<const std::string_view> known) {
  // Levenshtein distance by rows; names are short, a wanted one is cut so that cost is bounded.
  constexpr std::size_t kWantedMax = 100;
  wanted = wanted.substr(0, kWantedMax);
  std::size_t best_distance = wanted.size() / 3 + 1;
  std::string_view best;
  std::vector<std::size_t> row;
  for (const auto name : known) {
    row.resize(name.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      auto diagonal = row[0];
      row[0] = i + 1;
      for (std::size_t j = 0; j < name.size(); ++j) {
        const auto change = diagonal + (wanted[i] == name[j] ? 0 : 1);
        diagonal = row[j + 1];
        row[j + 1] = std::min({change, diagonal + 1, row[j] + 1});
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = name;
    }
  }
  return std::string{best};
}

bool config_bool(std::string_view value) { return value == "true"; }

std::int64_t config_int(std::string_view value) {
  const auto number = parse_number<std::int64_t>(value);
  STRANDLINE_ASSERT(number.has_value());
  return *number;
}

double config_real(std::string_view value) {
  const auto number = parse_number<double>(value);
  STRANDLINE_ASSERT(number.has_value());
  return *number;
}

std::vector<std::string> config_list(std::string_view value) { return split(value, ','); }

}  // namespace strandline
