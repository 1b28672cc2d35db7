// Writes the Prometheus text exposition format, version 0.0.4.
//
// A family is opened once, with its HELP and TYPE, and all its samples follow before the next one.
// A family without samples leaves nothing behind.
//
// Thread   one owner
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "broker/metrics/histogram.h"

namespace strandline {

class TextExposition {
 public:
  enum class Type : std::uint8_t { counter, gauge, histogram, summary };

  // A label's name and its value, which is escaped here.
  using Label = std::pair<std::string_view, std::string_view>;

  // Labels as they stand between the braces: `topic="t",partition="3"`; for labels used many times.
  static std::string join(std::initializer_list<Label> labels);

  // Opens a family. `name` and `help` are literals of ours: no escaping.
  void family(std::string_view name, Type type, std::string_view help);

  template <std::integral T>
  void sample(std::string_view labels, T value) {
    if constexpr (std::is_signed_v<T>) {
      integer_sample(labels, static_cast<std::int64_t>(value));
    } else {
      unsigned_sample(labels, static_cast<std::uint64_t>(value));
    }
  }
  void sample(std::string_view labels, double value);

  // _bucket lines at the powers of two from 2^first to 2^last, then +Inf, _sum and _count.
  //
  // unit   what one recorded step is worth: 1e-9 turns nanoseconds into seconds
  void histogram(std::string_view labels, const HistogramSnapshot& values, int first, int last,
                 double unit);

  // One line a quantile, then _sum and _count.
  void summary(std::string_view labels, const HistogramSnapshot& values,
               std::span<const double> quantiles, double unit);

  std::string take() { return std::move(text_); }

 private:
  void begin_line(std::string_view suffix, std::string_view labels, std::string_view extra_name,
                  std::string_view extra_value);
  void integer_sample(std::string_view labels, std::int64_t value);
  void unsigned_sample(std::string_view labels, std::uint64_t value);
  void sum_and_count(std::string_view labels, const HistogramSnapshot& values, double unit);
  void end_line(double value);
  void end_line(std::uint64_t value);
  void announce();

  std::string text_;
  std::string_view name_;
  std::string_view help_;
  Type type_ = Type::gauge;
  bool announced_ = false;
};

}  // namespace strandline
