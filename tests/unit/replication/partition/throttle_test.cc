#include "replication/partition/throttle.h"

#include <catch2/catch.hpp>
#include <vector>

namespace strandline {
namespace {

Instant at_ms(std::int64_t ms) { return Instant{std::chrono::milliseconds{1'000'000 + ms}}; }

Throttle throttle_of(std::int64_t rate) {
  Throttle throttle;
  throttle.set_rate(at_ms(0), rate);
  return throttle;
}

TEST_CASE("Throttle: without a rate everything passes", "[throttle]") {
  Throttle throttle;
  for (int i = 0; i < 100; ++i) {
    const Throttle::Place place = throttle.take(at_ms(0), std::uint64_t{1} << 40);
    CHECK(throttle.may_pass(at_ms(0), place));
  }
  CHECK(throttle.turn_bytes() == std::uint64_t{1} << 20);
}

TEST_CASE("Throttle: the first passes at once, the next when the first is paid for", "[throttle]") {
  Throttle throttle = throttle_of(1000);
  CHECK(throttle.may_pass(at_ms(0), throttle.take(at_ms(0), 500)));
  const Throttle::Place second = throttle.take(at_ms(0), 500);
  CHECK_FALSE(throttle.may_pass(at_ms(0), second));
  CHECK(throttle.passes_at(at_ms(0), second) == at_ms(500));
  CHECK_FALSE(throttle.may_pass(at_ms(499), second));
  CHECK(throttle.may_pass(at_ms(500), second));
}

TEST_CASE("Throttle: whoever stood in line first passes first, and nobody is passed over",
          "[throttle]") {
  Throttle throttle = throttle_of(1000);
  std::vector<Throttle::Place> places;
  for (int i = 0; i < 10; ++i) places.push_back(throttle.take(at_ms(0), 100));
  for (std::int64_t ms = 0; ms <= 900; ms += 10) {
    // Others come all the time; they stand behind.
    (void)throttle.take(at_ms(ms), 100);
    for (std::size_t i = 0; i < places.size(); ++i) {
      INFO("place " << i << " after " << ms << " ms");
      CHECK(throttle.may_pass(at_ms(ms), places[i]) == (ms >= static_cast<std::int64_t>(i) * 100));
    }
  }
}

TEST_CASE("Throttle: over time it is the rate, and not more than a quarter of a second beyond",
          "[throttle]") {
  constexpr std::int64_t kRate = 100'000;
  Throttle throttle = throttle_of(kRate);
  std::uint64_t sent = 0;
  Throttle::Place place = throttle.take(at_ms(0), 1000);
  for (std::int64_t ms = 0; ms <= 10'000; ++ms) {
    while (throttle.may_pass(at_ms(ms), place)) {
      sent += 1000;
      place = throttle.take(at_ms(ms), 1000);
    }
    const auto earned = static_cast<std::uint64_t>(kRate * ms / 1000);
    REQUIRE(sent <= earned + kRate / 4 + 2000);
    REQUIRE(sent + 2000 >= earned);
  }
}

TEST_CASE("Throttle: a quiet time saves up a quarter of a second, no more", "[throttle]") {
  Throttle throttle = throttle_of(1000);
  (void)throttle.take(at_ms(0), 100);
  CHECK(throttle.may_pass(at_ms(60'000), throttle.take(at_ms(60'000), 250)));
  CHECK(throttle.may_pass(at_ms(60'000), throttle.take(at_ms(60'000), 100)));
  const Throttle::Place third = throttle.take(at_ms(60'000), 100);
  CHECK(throttle.passes_at(at_ms(60'000), third) == at_ms(60'100));
}

TEST_CASE("Throttle: a low rate that is asked often pays all the same", "[throttle]") {
  Throttle throttle = throttle_of(3);
  (void)throttle.take(at_ms(0), 3);
  const Throttle::Place next = throttle.take(at_ms(0), 3);
  for (std::int64_t ms = 0; ms < 1000; ++ms) CHECK_FALSE(throttle.may_pass(at_ms(ms), next));
  CHECK(throttle.may_pass(at_ms(1000), next));
}

TEST_CASE("Throttle: at rate 0 not even the first of the line passes", "[throttle]") {
  Throttle throttle = throttle_of(0);
  const Throttle::Place place = throttle.take(at_ms(0), 100);
  CHECK_FALSE(throttle.may_pass(at_ms(1'000'000), place));
  CHECK(throttle.passes_at(at_ms(1'000'000), place) == std::nullopt);
  throttle.set_rate(at_ms(1'000'000), 1);
  CHECK(throttle.may_pass(at_ms(1'000'000), place));
}

TEST_CASE("Throttle: another rate holds for those in line, from now on", "[throttle]") {
  Throttle throttle = throttle_of(1000);
  (void)throttle.take(at_ms(0), 1000);
  const Throttle::Place next = throttle.take(at_ms(0), 1000);
  throttle.set_rate(at_ms(500), 10'000);
  CHECK(throttle.passes_at(at_ms(500), next) == at_ms(550));
  throttle.set_rate(at_ms(510), 0);
  CHECK(throttle.passes_at(at_ms(510), next) == std::nullopt);
  CHECK_FALSE(throttle.may_pass(at_ms(1'000'000), next));
  throttle.set_rate(at_ms(1'000'000), 1000);
  CHECK(throttle.passes_at(at_ms(1'000'000), next) == at_ms(1'000'400));
  throttle.set_rate(at_ms(1'000'001), kUnthrottled);
  CHECK(throttle.may_pass(at_ms(1'000'001), next));
}

TEST_CASE("Throttle: what was sent beyond is paid by those who come, what was not is theirs",
          "[throttle]") {
  Throttle throttle = throttle_of(1000);
  (void)throttle.take(at_ms(0), 100);
  throttle.correct(at_ms(0), 400);
  const Throttle::Place place = throttle.take(at_ms(0), 100);
  CHECK(throttle.passes_at(at_ms(0), place) == at_ms(500));
  throttle.correct(at_ms(0), -300);
  CHECK(throttle.passes_at(at_ms(0), place) == at_ms(200));
}

TEST_CASE("Throttle: a turn is a quarter of a second's worth, within bounds", "[throttle]") {
  CHECK(throttle_of(400'000).turn_bytes() == 100'000);
  CHECK(throttle_of(1).turn_bytes() == 16 * 1024);
  CHECK(throttle_of(0).turn_bytes() == 16 * 1024);
  CHECK(throttle_of(std::int64_t{1} << 40).turn_bytes() == 1 << 20);
}

TEST_CASE("Throttle: clocks that differ a little do no harm", "[throttle]") {
  Throttle throttle = throttle_of(1000);
  (void)throttle.take(at_ms(100), 400);  // a quarter of it was saved up
  const Throttle::Place place = throttle.take(at_ms(90), 100);
  CHECK_FALSE(throttle.may_pass(at_ms(95), place));
  CHECK_FALSE(throttle.may_pass(at_ms(399), place));
  CHECK(throttle.may_pass(at_ms(400), place));
}

}  // namespace
}  // namespace strandline
