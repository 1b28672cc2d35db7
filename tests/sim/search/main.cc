// strandline_search: goes through everything that can happen to a replicated partition within some
// bounds, or says what goes wrong and how.
//
//   strandline_search                                     2 records, 1 crash
//   strandline_search --crashes 2 --power-losses 1 --fencings 1 --reassignments 1
//   strandline_search --plant NAME                        with a mistake made on purpose
//   strandline_search --states-max N                      gives up there
//   strandline_search --reduce no                         also what makes no difference
//
// Ends with "N passed, N failed".
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "tests/sim/search/search.h"

namespace {

using namespace strandline::partition_search;

[[noreturn]] void usage(const std::string& problem) {
  std::fprintf(stderr,
               "strandline_search: %s\nusage: strandline_search [--records N] [--crashes N] "
               "[--power-losses N] [--fencings N] [--reassignments N] [--states-max N] "
               "[--reduce yes|no] [--plant NAME]\nplants: %s\n",
               problem.c_str(), strandline::partition_sim::plant_names().c_str());
  std::exit(2);
}

std::uint64_t number(std::string_view flag, std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos ||
      text.size() > 18) {
    usage(std::string{flag} + " wants a number");
  }
  return std::stoull(std::string{text});
}

void print(const SearchResult& result) {
  std::printf("%lu states, %lu steps, %lu at rest with %zu outcomes, at most %zu deep\n",
              result.states, result.steps, result.rests, result.outcomes.size(), result.deepest);
  if (!result.violation.empty()) {
    std::printf("violated: %s\n", result.violation.c_str());
    for (const Event& event : result.way) std::printf("  %s\n", text(event).c_str());
  } else if (!result.complete) {
    std::printf("given up: there is more than that\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  Bounds bounds;
  std::uint64_t states_max = 0;
  const std::map<std::string_view, int*> counts{{"--records", &bounds.records},
                                                {"--crashes", &bounds.crashes},
                                                {"--power-losses", &bounds.power_losses},
                                                {"--fencings", &bounds.fencings},
                                                {"--reassignments", &bounds.reassignments}};
  for (int i = 1; i < argc; i += 2) {
    const std::string_view flag = argv[i];
    const std::string_view value = i + 1 < argc ? argv[i + 1] : "";
    if (const auto count = counts.find(flag); count != counts.end()) {
      *count->second = static_cast<int>(number(flag, value));
    } else if (flag == "--states-max") {
      states_max = number(flag, value);
    } else if (flag == "--reduce") {
      if (value != "yes" && value != "no") usage("--reduce is yes or no");
      bounds.reduces = value == "yes";
    } else if (flag == "--plant") {
      const auto plant = strandline::partition_sim::plant_from_name(value);
      if (!plant) usage("unknown plant '" + std::string{value} + "'");
      bounds.plant = *plant;
    } else {
      usage("unknown argument '" + std::string{flag} + "'");
    }
  }
  const SearchResult result = search(bounds, states_max);
  print(result);
  const bool passed = result.complete && result.violation.empty();
  std::printf("%d passed, %d failed\n", passed ? 1 : 0, passed ? 0 : 1);
  return passed ? 0 : 1;
}
