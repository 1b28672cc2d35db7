#include "replication/metadata/drain_plan.h"

#include <algorithm>
#include <map>
#include <set>

#include "tests/unit/replication/metadata/controller_harness.h"

namespace strandline {
namespace {

std::vector<BrokerId> brokers(std::initializer_list<int> numbers) {
  std::vector<BrokerId> all;
  for (const int number : numbers) all.emplace_back(number);
  return all;
}

struct DrainHarness : ControllerHarness {
  // One broker in each of these racks; empty: in none.
  explicit DrainHarness(const std::vector<std::string>& racks) : ControllerHarness(0) {
    for (const std::string& rack : racks) {
      const auto id = static_cast<std::int32_t>(image().brokers.size() + 1);
      replay(
          controller.register_broker({.broker = BrokerId{id},
                                      .incarnation = make_uuid(ids),
                                      .directory = make_uuid(ids),
                                      .advertised = {},
                                      .rpc = {},
                                      .rack = rack.empty() ? std::optional<std::string>{} : rack}));
    }
  }
  void create_on(const std::string& topic, const std::vector<std::vector<BrokerId>>& partitions) {
    NewTopic wanted{.name = topic};
    for (const auto& replicas : partitions) {
      const auto index = static_cast<std::int32_t>(wanted.assignments.size());
      wanted.assignments.push_back({.partition_index = index, .brokers = replicas});
    }
    REQUIRE(create(wanted).outcome.ok());
  }
  void fence(int id) { replay(controller.fence_broker(BrokerId{id})); }
  DrainPlan plan(int id) const { return drain_plan(image(), BrokerId{id}); }
  void carry_out(const DrainPlan& plan) {
    const auto decision = controller.reassign(plan.moves);
    for (const Outcome& outcome : decision.items) REQUIRE(outcome.ok());
    replay(decision.records);
  }
};

TEST_CASE("drain_plan: another broker takes the place of the one that goes", "[drain]") {
  DrainHarness t{{"", "", "", ""}};
  t.create_on("a", {brokers({1, 2, 3}), brokers({2, 1, 3}), brokers({2, 3, 4})});
  const DrainPlan plan = t.plan(1);
  REQUIRE(plan.outcome.ok());
  REQUIRE(plan.moves.size() == 2);
  CHECK(plan.moves[0].place == PartitionPlace{t.image().topic("a")->id, PartitionIndex{0}});
  CHECK(plan.moves[0].replicas == brokers({4, 2, 3}));
  CHECK(plan.moves[1].replicas == brokers({2, 4, 3}));
  CHECK(t.plan(1).moves.size() == 2);  // the same each time
}

TEST_CASE("drain_plan: a broker without replicas has nothing to give away", "[drain]") {
  DrainHarness t{{"", ""}};
  t.create_on("a", {brokers({1})});
  CHECK(t.plan(2).outcome.ok());
  CHECK(t.plan(2).moves.empty());
  CHECK(t.plan(9).outcome.code == Errc::invalid_request);
}

TEST_CASE("drain_plan: brokers with the fewest replicas take most", "[drain]") {
  DrainHarness t{{"", "", "", ""}};
  const auto on = [](int id, int count) {
    return std::vector<std::vector<BrokerId>>(static_cast<std::size_t>(count), brokers({id}));
  };
  t.create_on("one", on(1, 6));
  t.create_on("two", on(2, 5));
  t.create_on("three", on(3, 3));
  std::map<BrokerId, int> given;
  for (const Reassignment& move : t.plan(1).moves) ++given[move.replicas->front()];
  // 5, 3 and none become 5, 5 and 4.
  CHECK(given == std::map<BrokerId, int>{{BrokerId{3}, 2}, {BrokerId{4}, 4}});
}

TEST_CASE("drain_plan: racks go before numbers, where all brokers have one", "[drain]") {
  const std::vector<std::vector<BrokerId>> busy(10, brokers({4}));
  DrainHarness t{{"a", "b", "b", "a"}};
  t.create_on("busy", busy);
  t.create_on("t", {brokers({1, 2})});
  REQUIRE(t.plan(1).moves.size() == 1);
  CHECK(t.plan(1).moves[0].replicas == brokers({4, 2}));
  DrainHarness u{{"a", "b", "b", ""}};
  u.create_on("busy", busy);
  u.create_on("t", {brokers({1, 2})});
  REQUIRE(u.plan(1).moves.size() == 1);
  CHECK(u.plan(1).moves[0].replicas == brokers({3, 2}));
}

TEST_CASE("drain_plan: where no rack is free one is used twice", "[drain]") {
  DrainHarness t{{"a", "b", "b"}};
  t.create_on("t", {brokers({1, 2})});
  CHECK(t.plan(1).moves.at(0).replicas == brokers({3, 2}));
}

TEST_CASE("drain_plan: with too few brokers nothing is moved", "[drain]") {
  DrainHarness t{{"", "", ""}};
  t.create_on("a", {brokers({1, 2})});
  t.create_on("b", {brokers({1, 2, 3})});
  const DrainPlan plan = t.plan(1);
  CHECK(plan.outcome.code == Errc::invalid_replication_factor);
  CHECK(plan.outcome.message.find("Partition 0 of topic 'b'") != std::string::npos);
  CHECK(plan.moves.empty());
  t.fence(3);
  CHECK(t.plan(1).outcome.code == Errc::invalid_replication_factor);
  // A broker that is gone already can be drained as well.
  DrainHarness u{{"", "", ""}};
  u.create_on("a", {brokers({1, 2})});
  u.fence(1);
  CHECK(u.plan(1).moves.at(0).replicas == brokers({3, 2}));
}

TEST_CASE("drain_plan: a reassignment under way is led to its end, without the broker", "[drain]") {
  DrainHarness t{{"", "", "", "", ""}};
  t.create_on("t", {brokers({1, 2}), brokers({1, 2})});
  const Uuid id = t.image().topic("t")->id;
  const std::vector<Reassignment> under_way{{{id, PartitionIndex{0}}, brokers({2, 3})},
                                            {{id, PartitionIndex{1}}, brokers({3, 4})}};
  t.replay(t.controller.reassign(under_way).records);
  REQUIRE_FALSE(t.image().topic("t")->partitions[0].removing.empty());
  CHECK(t.plan(1).moves.empty());  // it leaves both as it is
  CHECK(t.plan(1).leaving == 2);
  const DrainPlan plan = t.plan(3);
  REQUIRE(plan.moves.size() == 2);
  CHECK(plan.leaving == 0);
  CHECK(plan.moves[0].replicas == brokers({2, 1}));
  CHECK(plan.moves[1].replicas->at(1) == BrokerId{4});
  CHECK(plan.moves[1].replicas->at(0) != BrokerId{3});
  t.carry_out(plan);
}

TEST_CASE("drain_plan: afterwards the broker has nothing, and all else is as it was", "[drain]") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Prng prng{seed};
    const std::uint64_t racks = prng.below(4);  // 0: none
    std::vector<std::string> of;
    for (int i = 0; i < 7; ++i) of.push_back(racks == 0 ? "" : "r" + std::to_string(i % racks));
    DrainHarness t{of};
    for (int topic = 0; topic < 5; ++topic) {
      t.create({.name = "t" + std::to_string(topic),
                .num_partitions = static_cast<int>(1 + prng.below(9)),
                .replication_factor = static_cast<int>(1 + prng.below(4))});
    }
    const BrokerId gone{static_cast<int>(1 + prng.below(7))};
    const DrainPlan plan = drain_plan(t.image(), gone);
    INFO("seed " << seed);
    REQUIRE(plan.outcome.ok());
    for (const Reassignment& move : plan.moves) {
      const TopicPtr topic = t.image().topic(move.place.topic_id);
      const auto& before =
          topic->partitions[static_cast<std::size_t>(move.place.partition.value())].replicas;
      REQUIRE(move.replicas->size() == before.size());
      CHECK(std::set(move.replicas->begin(), move.replicas->end()).size() == before.size());
      for (std::size_t i = 0; i < before.size(); ++i) {
        CHECK((before[i] == gone) == (move.replicas->at(i) != before[i]));
        CHECK(move.replicas->at(i) != gone);
      }
      if (racks == 0) continue;
      std::set<std::string> used;
      for (const BrokerId id : *move.replicas) used.insert(*t.image().broker(id)->rack);
      CHECK(used.size() == std::min<std::size_t>(before.size(), racks));
    }
    t.carry_out(plan);
    CHECK(drain_plan(t.image(), gone).moves.empty());
  }
}

}  // namespace
}  // namespace strandline
