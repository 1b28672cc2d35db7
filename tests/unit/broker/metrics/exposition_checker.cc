#include "tests/unit/broker/metrics/exposition_checker.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <utility>

namespace strandline {
namespace {

bool name_char(char c, bool first, bool colon) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colon && c == ':') ||
         (!first && c >= '0' && c <= '9');
}

bool valid_name(std::string_view name, bool colon) {
  if (name.empty()) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (!name_char(name[i], i == 0, colon)) return false;
  }
  return true;
}

std::optional<double> parse_value(std::string_view text) {
  if (text == "+Inf") return std::numeric_limits<double>::infinity();
  if (text == "-Inf") return -std::numeric_limits<double>::infinity();
  if (text == "NaN") return std::nan("");
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct Sample {
  std::string name;
  std::map<std::string, std::string> labels;
  double value = 0;
};

// Cuts `name="value",...}` off the front of rest; false when it breaks the grammar.
bool parse_labels(std::string_view& rest, std::map<std::string, std::string>& labels) {
  while (!rest.starts_with('}')) {
    const std::size_t equals = rest.find("=\"");
    if (equals == std::string_view::npos || !valid_name(rest.substr(0, equals), false))
      return false;
    const std::string name{rest.substr(0, equals)};
    rest.remove_prefix(equals + 2);
    std::string value;
    while (!rest.empty() && rest.front() != '"') {
      if (rest.front() == '\\') {
        rest.remove_prefix(1);
        if (rest.empty() ||
            std::string_view{"\\\"n"}.find(rest.front()) == std::string_view::npos) {
          return false;
        }
      }
      value += rest.front();
      rest.remove_prefix(1);
    }
    if (rest.empty()) return false;
    rest.remove_prefix(1);
    if (!labels.emplace(name, value).second) return false;
    if (rest.starts_with(',')) {
      rest.remove_prefix(1);
      if (rest.starts_with('}')) return false;
    } else if (!rest.starts_with('}')) {
      return false;
    }
  }
  rest.remove_prefix(1);
  return true;
}

std::optional<Sample> parse_sample(std::string_view line) {
  Sample sample;
  const std::size_t name_end = line.find_first_of("{ ");
  if (name_end == std::string_view::npos) return std::nullopt;
  sample.name = line.substr(0, name_end);
  if (!valid_name(sample.name, true)) return std::nullopt;
  std::string_view rest = line.substr(name_end);
  if (rest.starts_with('{')) {
    rest.remove_prefix(1);
    if (!parse_labels(rest, sample.labels)) return std::nullopt;
  }
  if (!rest.starts_with(' ')) return std::nullopt;
  const auto value = parse_value(rest.substr(1));
  if (!value) return std::nullopt;
  sample.value = *value;
  return sample;
}

class Checker {
 public:
  CheckedPage run(std::string_view text) {
    if (!text.ends_with('\n')) complain("the page does not end with a newline");
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      line_ = text.substr(0, end);
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      one_line();
    }
    close_family();
    return std::move(page_);
  }

 private:
  void complain(std::string_view what) {
    page_.complaints.push_back(std::string{what} + ": " + std::string{line_});
  }

  void one_line() {
    if (line_.starts_with("# HELP ")) return open_family(line_.substr(7));
    if (line_.starts_with("# TYPE ")) return type_line(line_.substr(7));
    if (line_.starts_with('#') || line_.empty()) return complain("neither sample, HELP nor TYPE");
    const auto sample = parse_sample(line_);
    if (!sample) return complain("sample breaks the grammar");
    const std::size_t value_at = line_.rfind(' ');
    if (!page_.samples.emplace(std::string{line_.substr(0, value_at)}, sample->value).second) {
      complain("sample given twice");
    }
    check_sample(*sample);
  }

  void open_family(std::string_view rest) {
    close_family();
    family_ = rest.substr(0, rest.find(' '));
    if (!valid_name(family_, true)) complain("bad family name");
    if (rest.size() <= family_.size() + 1) complain("HELP says nothing");
    if (page_.types.contains(family_)) complain("family opened twice");
  }

  void type_line(std::string_view rest) {
    const std::string_view name = rest.substr(0, rest.find(' '));
    type_ = rest.size() > name.size() ? rest.substr(name.size() + 1) : "";
    if (name != family_) complain("TYPE without the HELP of its family before it");
    static const std::set<std::string, std::less<>> kTypes{"counter", "gauge", "histogram",
                                                           "summary"};
    if (!kTypes.contains(type_)) complain("unknown type");
    if (!page_.types.emplace(family_, type_).second) complain("TYPE given twice");
    if ((type_ == "counter") != family_.ends_with("_total")) {
      complain("counters, and only they, end in _total");
    }
  }

  void check_sample(const Sample& sample) {
    std::string_view suffix = sample.name;
    if (type_.empty() || !suffix.starts_with(family_)) return complain("sample outside its family");
    suffix.remove_prefix(family_.size());
    if (type_ == "counter" && !(sample.value >= 0)) complain("counter below zero");
    if (type_ == "histogram") return check_histogram(sample, suffix);
    const bool totals = type_ == "summary" && (suffix == "_sum" || suffix == "_count");
    if (!suffix.empty() && !totals) complain("sample outside its family");
    if (type_ == "summary" && suffix.empty() && !sample.labels.contains("quantile")) {
      complain("summary line without a quantile");
    }
  }

  void check_histogram(Sample sample, std::string_view suffix) {
    if (suffix == "_bucket") {
      const auto le = sample.labels.extract("le");
      const auto bound = le ? parse_value(le.mapped()) : std::nullopt;
      if (!bound) return complain("bucket without a bound");
      auto& series = histograms_[sample.labels];
      if (!series.buckets.empty() && series.buckets.back().first >= *bound) {
        complain("bounds do not rise");
      }
      if (!series.buckets.empty() && series.buckets.back().second > sample.value) {
        complain("cumulative counts fall");
      }
      series.buckets.emplace_back(*bound, sample.value);
    } else if (suffix == "_sum") {
      histograms_[sample.labels].sum = true;
    } else if (suffix == "_count") {
      histograms_[sample.labels].count = sample.value;
    } else {
      complain("histogram line of no known kind");
    }
  }

  void close_family() {
    if (!family_.empty() && type_.empty()) complain("family without a TYPE");
    for (const auto& [labels, series] : histograms_) {
      if (!series.sum || !series.count) complain("histogram without _sum or _count");
      if (series.buckets.empty() || !std::isinf(series.buckets.back().first) ||
          series.buckets.back().second != series.count) {
        complain("+Inf bucket is not the count, in " + family_);
      }
    }
    histograms_.clear();
    family_.clear();
    type_.clear();
  }

  struct Series {
    std::vector<std::pair<double, double>> buckets;
    std::optional<double> count;
    bool sum = false;
  };

  CheckedPage page_;
  std::string_view line_;
  std::string family_;
  std::string type_;
  std::map<std::map<std::string, std::string>, Series> histograms_;
};

}  // namespace

double CheckedPage::value(std::string_view name_and_labels) const {
  const auto found = samples.find(name_and_labels);
  return found == samples.end() ? std::nan("") : found->second;
}

CheckedPage check_exposition(std::string_view page) { return Checker{}.run(page); }

}  // namespace strandline
