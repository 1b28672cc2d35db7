#include "tests/sim/arguments.h"

#include <cstdio>
#include <cstdlib>

namespace strandline::sim {
namespace {

class Parser {
 public:
  explicit Parser(const Simulator& simulator) : simulator_(simulator) {}

  [[noreturn]] void usage(const std::string& problem) const {
    std::fprintf(stderr,
                 "%s: %s\nusage: %s [--seed N] [--seeds N] [%s N] [--trace] [--no-faults] "
                 "[--plant NAME]\nplants: %s\n",
                 simulator_.name.c_str(), problem.c_str(), simulator_.name.c_str(),
                 simulator_.length_flag.c_str(), simulator_.plants.c_str());
    std::exit(2);
  }

  std::uint64_t number(std::string_view flag, const char* text) const {
    char* end = nullptr;
    const std::uint64_t value = text == nullptr ? 0 : std::strtoull(text, &end, 10);
    if (text == nullptr || *text == '\0' || *end != '\0') {
      usage(std::string{flag} + " wants a number");
    }
    return value;
  }

 private:
  const Simulator& simulator_;
};

}  // namespace

Arguments parse_arguments(int argc, char** argv, const Simulator& simulator) {
  const Parser parser{simulator};
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : nullptr;
    if (flag == "--seed") {
      arguments.seed = parser.number(flag, value), ++i;
    } else if (flag == "--seeds") {
      arguments.seeds = parser.number(flag, value), ++i;
    } else if (flag == simulator.length_flag) {
      arguments.length = static_cast<int>(parser.number(flag, value)), ++i;
    } else if (flag == "--plant") {
      if (!simulator.take_plant(value == nullptr ? "" : value)) parser.usage("unknown plant");
      arguments.plant = value, ++i;
    } else if (flag == "--trace") {
      arguments.trace = true;
    } else if (flag == "--no-faults") {
      arguments.faults = false;
    } else {
      parser.usage("unknown argument " + std::string{flag});
    }
  }
  return arguments;
}

int run_seeds(const Simulator& simulator, const Arguments& arguments, int length,
              const std::function<std::string(std::uint64_t seed)>& run_one,
              const std::function<void()>& print_stats) {
  std::uint64_t failed = 0;
  for (std::uint64_t seed = arguments.seed; seed < arguments.seed + arguments.seeds; ++seed) {
    const std::string violation = run_one(seed);
    if (violation.empty()) continue;
    ++failed;
    std::printf("FAILED: %s\n  again: %s --seed %lu %s %d%s%s%s\n", violation.c_str(),
                simulator.name.c_str(), seed, simulator.length_flag.c_str(), length,
                arguments.faults ? "" : " --no-faults", arguments.plant.empty() ? "" : " --plant ",
                arguments.plant.c_str());
  }
  print_stats();
  std::printf("%lu passed, %lu failed\n", arguments.seeds - failed, failed);
  return failed == 0 ? 0 : 1;
}

}  // namespace strandline::sim
