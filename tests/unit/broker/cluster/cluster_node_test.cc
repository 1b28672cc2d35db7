// The members of a cluster as one: founding, deciding, losing and replacing one of them.
#include <set>

#include "tests/unit/broker/cluster/cluster_harness.h"

namespace strandline {
namespace {

TEST_CASE("ClusterNode: three voters found one cluster, and all of them serve", "[cluster]") {
  ClusterHarness t{3};
  REQUIRE(t.controller() != 0);
  const Uuid cluster = t[1].node->identity().cluster_id;
  CHECK_FALSE(cluster.is_zero());
  for (const int node : {1, 2, 3}) {
    CHECK(t[node].node->identity().cluster_id == cluster);
    for (const int other : {1, 2, 3}) {
      CHECK(t.reaches([&] { return t[node].knows(BrokerId{other}, false); }));
    }
    CHECK(t[node].failures == 0);
  }
}

TEST_CASE("ClusterNode: a broker alone is a cluster of one", "[cluster]") {
  ClusterHarness t{1};
  CHECK(t.controller() == 1);
  CHECK(t[1].next_producer_id());
  CHECK(t[1].stop());
}

TEST_CASE(
    "ClusterNode: what one asks is decided wherever the controller is, and seen here once "
    "it is answered",
    "[cluster]") {
  ClusterHarness t{3};
  for (const int node : {1, 2, 3}) {
    const std::string name = "topic-" + std::to_string(node);
    const ControllerOutcome outcome = t[node].ask(AutoCreateRequest{.names = {name}});
    REQUIRE_FALSE(outcome.error);
    CHECK(t[node].image()->topic(name) != nullptr);
  }
}

TEST_CASE("ClusterNode: no two brokers hand out the same producer id", "[cluster]") {
  ClusterHarness t{3};
  std::set<ProducerId> ids;
  for (int round = 0; round < 3; ++round) {
    for (const int node : {1, 2, 3}) {
      const auto id = t[node].next_producer_id();
      REQUIRE(id);
      CHECK(ids.insert(*id).second);
    }
  }
}

TEST_CASE("ClusterNode: a process that is gone is found out long before its session ends",
          "[cluster]") {
  ClusterHarness t{3};  // sessions of a minute
  const int controller = t.controller();
  REQUIRE(controller != 0);
  const int other = controller == 1 ? 2 : 1;
  t.kill(other);
  CHECK(t.reaches([&] { return t[controller].knows(BrokerId{other}, true); }));
  t.start(other);
  CHECK(t.reaches([&] { return t[other].serves.load(); }));
  CHECK(t.reaches([&] { return t[controller].knows(BrokerId{other}, false); }));
}

TEST_CASE("ClusterNode: when the controller is gone another decides, and fences it", "[cluster]") {
  ClusterHarness t{3};
  const int before = t.controller();
  REQUIRE(before != 0);
  t.kill(before);
  const int after = t.controller();
  REQUIRE(after != 0);
  CHECK(after != before);
  CHECK(t.reaches([&] { return t[after].knows(BrokerId{before}, true); }));
  const int asks = 6 - before - after;
  CHECK_FALSE(t[asks].ask(AutoCreateRequest{.names = {"t"}}).error);
  CHECK(t[asks].next_producer_id());
}

TEST_CASE("ClusterNode: who ends in order lets another decide, and is fenced when it goes",
          "[cluster]") {
  ClusterHarness t{3};
  const int controller = t.controller();
  REQUIRE(controller != 0);
  CHECK(t[controller].stop());
  CHECK(t.reaches([&] { return !t[controller].controls(); }));
  t.kill(controller);
  const int other = controller == 1 ? 2 : 1;
  CHECK(t.reaches([&] { return t[other].knows(BrokerId{controller}, true); }));
}

TEST_CASE("ClusterNode: another data directory does not come in under the same node.id",
          "[cluster]") {
  ClusterHarness t{3};
  const int controller = t.controller();
  REQUIRE(controller != 0);
  const int twice = controller == 2 ? 3 : 2;
  Settings settings = t.settings_of(twice, 3);
  settings.cluster_join = member_address(controller - 1);
  constexpr int kImpostor = 9;
  t.start(kImpostor, 3, kImpostor, settings);
  const auto& refused = t[controller].node->metrics().refused;
  const auto& of_directory = refused[static_cast<std::size_t>(RefusalReason::directory)];
  CHECK(t.reaches([&] { return of_directory.value() > 0; }));
  CHECK_FALSE(t[kImpostor].serves);
  // It is the replacement once the one that is known is gone.
  t.kill(twice);
  CHECK(t.reaches([&] { return t[kImpostor].serves.load(); }));
}

}  // namespace
}  // namespace strandline
