#include "broker/rpc/backoff.h"

#include <catch2/catch.hpp>
#include <set>

namespace strandline {
namespace {

using std::chrono::milliseconds;

TEST_CASE("Backoff: each wait is up to twice the last, and none beyond the bound", "[rpc]") {
  Backoff backoff{{.first = milliseconds{10}, .max = milliseconds{100}}, 1};
  Duration step = milliseconds{10};
  for (int i = 0; i < 10; ++i) {
    const Duration wait = backoff.next();
    CHECK(wait >= step / 2);
    CHECK(wait <= step);
    step = std::min<Duration>(milliseconds{100}, 2 * step);
  }
  backoff.reset();
  CHECK(backoff.next() <= milliseconds{10});
}

TEST_CASE("Backoff: brokers that failed together do not come back together", "[rpc]") {
  std::set<Duration> waits;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Backoff backoff{{}, seed};
    waits.insert(backoff.next());
  }
  CHECK(waits.size() > 90);
}

}  // namespace
}  // namespace strandline
