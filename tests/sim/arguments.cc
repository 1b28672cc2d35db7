#include "tests/sim/arguments.h"

#include <cstdio>
#include <cstdlib>

namespace strandline::sim {
namespace {

class Parser {
 public:
  Parser(std::string program, std::string plants)
      : program_(std::move(program)), plants_(std::move(plants)) {}

  [[noreturn]] void usage(const std::string& problem) const {
    std::fprintf(stderr,
                 "%s: %s\nusage: %s [--seed N] [--seeds N] [--steps N] [--trace] [--no-faults] "
                 "[--plant NAME]\nplants: %s\n",
                 program_.c_str(), problem.c_str(), program_.c_str(), plants_.c_str());
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
  const std::string program_;
  const std::string plants_;
};

}  // namespace

Arguments parse_arguments(int argc, char** argv, const std::string& program,
                          const std::string& plants,
                          const std::function<bool(std::string_view)>& take_plant) {
  const Parser parser{program, plants};
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : nullptr;
    if (flag == "--seed") {
      arguments.seed = parser.number(flag, value), ++i;
    } else if (flag == "--seeds") {
      arguments.seeds = parser.number(flag, value), ++i;
    } else if (flag == "--steps") {
      arguments.steps = static_cast<int>(parser.number(flag, value)), ++i;
    } else if (flag == "--plant") {
      if (!take_plant(value == nullptr ? "" : value)) parser.usage("unknown plant");
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

}  // namespace strandline::sim
