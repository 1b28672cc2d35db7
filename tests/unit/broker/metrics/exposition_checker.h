// Holds a page against the Prometheus text exposition format 0.0.4, as strictly as the strictest
// scraper: names and labels by their grammar, one HELP and one TYPE before a family's samples, a
// family's lines together, no sample twice, counters ending in _total, histogram buckets rising to
// +Inf, which equals _count.
//
// Thread   any
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace strandline {

struct CheckedPage {
  std::vector<std::string> complaints;  // empty: the page is right
  // "name{labels}" as written, to its value.
  std::map<std::string, double, std::less<>> samples;
  std::map<std::string, std::string, std::less<>> types;  // family to its TYPE

  double value(std::string_view name_and_labels) const;
};

CheckedPage check_exposition(std::string_view page);

}  // namespace strandline
