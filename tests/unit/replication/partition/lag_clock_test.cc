#include "replication/partition/lag_clock.h"

#include <catch2/catch.hpp>

namespace strandline {
namespace {

Instant at(std::int64_t ms) { return Instant{std::chrono::milliseconds{ms}}; }

TEST_CASE("LagClock: who has the end is caught up now", "[isr]") {
  LagClock lag;
  CHECK_FALSE(lag.caught_up_at().has_value());
  lag.on_progress(at(10), Offset{5}, Offset{5});
  CHECK(lag.caught_up_at() == at(10));
}

TEST_CASE("LagClock: who has what was the end is caught up as of then", "[isr]") {
  LagClock lag;
  lag.on_progress(at(10), Offset{5}, Offset{100});  // 100 is the end at 10 ms
  lag.on_progress(at(20), Offset{99}, Offset{200});
  CHECK_FALSE(lag.caught_up_at().has_value());
  lag.on_progress(at(30), Offset{100}, Offset{300});
  CHECK(lag.caught_up_at() == at(10));
  lag.on_progress(at(40), Offset{300}, Offset{400});
  CHECK(lag.caught_up_at() == at(30));
}

TEST_CASE("LagClock: an idle follower lags from the next append, not from the last one", "[isr]") {
  LagClock lag;
  lag.on_progress(at(10), Offset{5}, Offset{5});
  lag.on_append(at(5000), Offset{5}, Offset{5}, Offset{6});
  CHECK(lag.caught_up_at() == at(5000));
  lag.on_append(at(6000), Offset{5}, Offset{6}, Offset{7});
  CHECK(lag.caught_up_at() == at(5000));
}

}  // namespace
}  // namespace strandline
