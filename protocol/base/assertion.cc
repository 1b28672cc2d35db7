#include "protocol/base/assertion.h"

#include <cstdio>
#include <cstdlib>

namespace strandline {

void assertion_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "strandline: %s:%d: assertion failed: %s\n", file, line, condition);
  std::fflush(stderr);
  std::abort();
}

}  // namespace strandline
