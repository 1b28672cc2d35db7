// What a member knows of its membership: whether the controller hears it, and until when nobody
// else can have led what it leads.
#include "tests/unit/broker/cluster/cluster_harness.h"

namespace strandline {
namespace {

TEST_CASE(
    "BrokerLifecycle: the time until when nobody else led goes on as long as a majority "
    "vouches for it",
    "[cluster]") {
  ClusterHarness t{3, 500};
  const int controller = t.controller();
  REQUIRE(controller != 0);
  for (const int node : {1, 2, 3}) {
    std::int64_t first = 0;
    REQUIRE(t.reaches([&] { return (first = t[node].nobody_else_led_until) > 0; }));
    REQUIRE(t.reaches([&] { return t[node].nobody_else_led_until > first; }));
    CHECK(t[node].nobody_else_led_until <= wall_now().value());
  }
  for (const int node : {1, 2, 3}) {
    if (node != controller) t.kill(node);
  }
  // One that led with two others vouches for nothing by itself.
  REQUIRE(t.reaches([&] { return !t[controller].in_touch; }));
  const std::int64_t last = t[controller].nobody_else_led_until;
  t.pause(std::chrono::milliseconds{700});
  CHECK(t[controller].nobody_else_led_until == last);
  // Until another is back.
  t.start(controller == 1 ? 2 : 1);
  CHECK(t.reaches([&] { return t[controller].nobody_else_led_until > last; }));
  CHECK(t.reaches([&] { return t[controller].in_touch.load(); }));
}

TEST_CASE("BrokerLifecycle: a lone broker vouches for itself", "[cluster]") {
  ClusterHarness t{1};
  std::int64_t first = 0;
  REQUIRE(t.reaches([&] { return (first = t[1].nobody_else_led_until) > 0; }));
  CHECK(t.reaches([&] { return t[1].nobody_else_led_until > first; }));
}

}  // namespace
}  // namespace strandline
