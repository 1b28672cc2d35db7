#include "broker/logging/rate_limiter.h"

#include <catch2/catch.hpp>

namespace strandline {
namespace {

using std::chrono::seconds;

constexpr Instant at(int second) { return Instant{seconds{second}}; }

constexpr RateLimiter::Config kTwoInTen{.burst = 2, .interval = seconds{10}, .keys_max = 3};

TEST_CASE("RateLimiter: a burst is told and the rest of the interval is counted", "[log]") {
  RateLimiter limiter{kTwoInTen};
  CHECK(limiter.on_event(at(100), "a").told);
  CHECK(limiter.on_event(at(101), "a").told);
  for (int i = 0; i < 7; ++i) CHECK_FALSE(limiter.on_event(at(109), "a").told);

  const RateLimiter::Verdict next = limiter.on_event(at(110), "a");
  CHECK(next.told);
  CHECK(next.suppressed == 7);
  CHECK(limiter.on_event(at(110), "a").suppressed == 0);  // told once
}

TEST_CASE("RateLimiter: one loud key does not silence another", "[log]") {
  RateLimiter limiter{kTwoInTen};
  for (int i = 0; i < 100; ++i) limiter.on_event(at(1), "loud");
  CHECK(limiter.on_event(at(1), "quiet").told);
}

TEST_CASE("RateLimiter: a flood that stopped is accounted for after its interval", "[log]") {
  RateLimiter limiter{kTwoInTen};
  for (int i = 0; i < 5; ++i) limiter.on_event(at(1), "b");
  limiter.on_event(at(2), "a");
  CHECK(limiter.take_ended(at(10)).empty());

  const auto ended = limiter.take_ended(at(12));
  REQUIRE(ended.size() == 1);  // "a" held nothing back
  CHECK(ended[0].key == "b");
  CHECK(ended[0].suppressed == 3);
  CHECK(limiter.keys() == 0);
  CHECK(limiter.take_ended(at(30)).empty());
}

TEST_CASE("RateLimiter: a key that had to make room is accounted for as well", "[log]") {
  RateLimiter limiter{kTwoInTen};  // three keys
  for (int i = 0; i < 5; ++i) limiter.on_event(at(1), "loud");
  for (int i = 0; i < 3; ++i) limiter.on_event(at(2 + i), "key" + std::to_string(i));
  const auto ended = limiter.take_ended(at(5));
  REQUIRE(ended.size() == 1);
  CHECK(ended[0].key == "loud");
  CHECK(ended[0].suppressed == 3);
  CHECK(limiter.take_ended(at(5)).empty());
}

TEST_CASE("RateLimiter: at the end everything held back is told, once", "[log]") {
  RateLimiter limiter{kTwoInTen};
  for (int i = 0; i < 5; ++i) limiter.on_event(at(1), "a");
  const auto all = limiter.take_all();
  REQUIRE(all.size() == 1);
  CHECK(all[0].suppressed == 3);
  CHECK(limiter.take_all().empty());
  CHECK(limiter.take_ended(at(100)).empty());
}

TEST_CASE("RateLimiter: many keys cost bounded memory", "[log]") {
  RateLimiter limiter{kTwoInTen};
  for (int i = 0; i < 1000; ++i) {
    CHECK(limiter.on_event(at(i), "key" + std::to_string(i)).told);
    CHECK(limiter.keys() <= 3);
  }
}

}  // namespace
}  // namespace strandline
