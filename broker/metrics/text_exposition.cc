#include "broker/metrics/text_exposition.h"

#include <array>
#include <charconv>
#include <cmath>

namespace strandline {
namespace {

constexpr std::array<std::string_view, 4> kTypeNames = {"counter", "gauge", "histogram", "summary"};

template <class T>
void append_number(std::string& out, T value) {
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

void append_real(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else {
    append_number(out, value);
  }
}

std::string real_text(double value) {
  std::string text;
  append_real(text, value);
  return text;
}

void append_label_value(std::string& out, std::string_view value) {
  for (const char c : value) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
}

}  // namespace

std::string TextExposition::join(std::initializer_list<Label> labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    if (!out.empty()) out += ',';
    out += name;
    out += "=\"";
    append_label_value(out, value);
    out += '"';
  }
  return out;
}

void TextExposition::family(std::string_view name, Type type, std::string_view help) {
  name_ = name;
  help_ = help;
  type_ = type;
  announced_ = false;
}

void TextExposition::announce() {
  if (announced_) return;
  announced_ = true;
  text_.append("# HELP ").append(name_).append(" ").append(help_).append("\n# TYPE ").append(name_);
  text_.append(" ").append(kTypeNames[static_cast<std::size_t>(type_)]).append("\n");
}

void TextExposition::begin_line(std::string_view suffix, std::string_view labels,
                                std::string_view extra_name, std::string_view extra_value) {
  announce();
  text_.append(name_).append(suffix);
  if (!labels.empty() || !extra_name.empty()) {
    text_.append("{").append(labels);
    if (!extra_name.empty()) {
      if (!labels.empty()) text_ += ',';
      text_.append(extra_name).append("=\"").append(extra_value).append("\"");
    }
    text_ += '}';
  }
  text_ += ' ';
}

void TextExposition::end_line(double value) {
  append_real(text_, value);
  text_ += '\n';
}

void TextExposition::end_line(std::uint64_t value) {
  append_number(text_, value);
  text_ += '\n';
}

void TextExposition::integer_sample(std::string_view labels, std::int64_t value) {
  begin_line("", labels, "", "");
  append_number(text_, value);
  text_ += '\n';
}

void TextExposition::unsigned_sample(std::string_view labels, std::uint64_t value) {
  begin_line("", labels, "", "");
  end_line(value);
}

void TextExposition::sample(std::string_view labels, double value) {
  begin_line("", labels, "", "");
  end_line(value);
}

void TextExposition::sum_and_count(std::string_view labels, const HistogramSnapshot& values,
                                   double unit) {
  begin_line("_sum", labels, "", "");
  end_line(static_cast<double>(values.sum()) * unit);
  begin_line("_count", labels, "", "");
  end_line(values.count());
}

void TextExposition::histogram(std::string_view labels, const HistogramSnapshot& values, int first,
                               int last, double unit) {
  for (int power = first; power <= last; ++power) {
    const std::uint64_t bound = std::uint64_t{1} << power;
    begin_line("_bucket", labels, "le", real_text(static_cast<double>(bound) * unit));
    end_line(values.count_up_to(bound));
  }
  begin_line("_bucket", labels, "le", "+Inf");
  end_line(values.count());
  sum_and_count(labels, values, unit);
}

void TextExposition::summary(std::string_view labels, const HistogramSnapshot& values,
                             std::span<const double> quantiles, double unit) {
  for (const double q : quantiles) {
    begin_line("", labels, "quantile", real_text(q));
    end_line(values.count() == 0 ? std::nan("") : static_cast<double>(values.quantile(q)) * unit);
  }
  sum_and_count(labels, values, unit);
}

}  // namespace strandline
