#include "replication/metadata/safe_to_stop.h"

#include "tests/unit/replication/metadata/controller_harness.h"

namespace strandline {
namespace {

std::vector<BrokerId> brokers(std::initializer_list<int> numbers) {
  std::vector<BrokerId> all;
  for (const int number : numbers) all.emplace_back(number);
  return all;
}

// Five brokers, the first three of them voters.
struct StopHarness : ControllerHarness {
  StopHarness() : ControllerHarness(5) {}

  void create_on(const std::string& topic, std::initializer_list<int> replicas,
                 std::vector<ConfigEntry> configs = {}) {
    const CreatedTopic created =
        create({.name = topic,
                .assignments = {{.partition_index = 0, .brokers = brokers(replicas)}},
                .configs = std::move(configs)});
    REQUIRE(created.outcome.ok());
  }
  void fence(int id) { replay(controller.fence_broker(BrokerId{id})); }
  StopAnswer ask(int id) const { return controller.safe_to_stop(BrokerId{id}, quorum); }

  QuorumStanding quorum{brokers({1, 2, 3}), brokers({1, 2, 3})};
};

TEST_CASE("safe_to_stop: with all replicas in sync any one broker may go", "[stop]") {
  StopHarness t;
  t.create_on("a", {1, 2, 3});
  t.create_on("b", {3, 4, 5});
  for (int id = 1; id <= 5; ++id) {
    const StopAnswer answer = t.ask(id);
    CHECK(answer.is_safe());
    CHECK(answer.partitions.empty());
  }
}

TEST_CASE("safe_to_stop: the only replica is missed", "[stop]") {
  StopHarness t;
  t.create_on("a", {4});
  t.create_on("b", {1, 2, 3});
  const StopAnswer answer = t.ask(4);
  CHECK_FALSE(answer.is_safe());
  CHECK(answer.unavailable == 1);
  CHECK(answer.below_min_insync == 0);
  REQUIRE(answer.partitions.size() == 1);
  CHECK(answer.partitions[0].topic == "a");
  CHECK(answer.partitions[0].partition == PartitionIndex{0});
  CHECK(answer.partitions[0].risk == StopRisk::unavailable);
  CHECK(answer.partitions[0].why == "no other replica has all that was acknowledged");
  CHECK(t.ask(5).is_safe());  // it has nothing
}

TEST_CASE("safe_to_stop: too few in-sync replicas would be left", "[stop]") {
  StopHarness t;
  t.create_on("a", {3, 4, 5});
  t.fence(5);
  const StopAnswer answer = t.ask(4);
  CHECK_FALSE(answer.is_safe());
  CHECK(answer.unavailable == 0);
  CHECK(answer.below_min_insync == 1);
  REQUIRE(answer.partitions.size() == 1);
  CHECK(answer.partitions[0].risk == StopRisk::below_min_insync);
  CHECK(answer.partitions[0].why == "1 replica would be in sync, and min.insync.replicas is 2");
  CHECK(t.ask(5).is_safe());  // it is gone already, and out of sync
}

TEST_CASE("safe_to_stop: a topic that asks for less bears more", "[stop]") {
  StopHarness t;
  t.create_on("a", {3, 4, 5}, {{"min.insync.replicas", "1"}});
  t.fence(5);
  CHECK(t.ask(4).is_safe());
  t.replay(t.controller.fence_broker(BrokerId{3}));
  CHECK(t.ask(4).unavailable == 1);
}

TEST_CASE("safe_to_stop: one that is about to end counts for nobody", "[stop]") {
  StopHarness t;
  t.create_on("a", {3, 4}, {{"min.insync.replicas", "1"}});
  CHECK(t.ask(4).is_safe());
  t.replay(t.controller.stop_broker(BrokerId{3}));
  CHECK(t.ask(4).unavailable == 1);
}

TEST_CASE("safe_to_stop: a partition without a leader may wait for just this broker", "[stop]") {
  StopHarness t;
  t.create_on("a", {4, 5});
  t.fence(5);
  t.fence(4);
  const StopAnswer answer = t.ask(4);
  CHECK(answer.unavailable == 1);
  CHECK(answer.partitions.at(0).why.find("waits for") != std::string::npos);
  CHECK(t.ask(5).is_safe());  // not complete: it is not waited for
}

TEST_CASE("safe_to_stop: other complete replicas that cannot lead are named", "[stop]") {
  StopHarness t;
  t.create_on("a", {3, 4, 5});
  t.fence(5);
  t.fence(4);  // out of sync, but complete
  const StopAnswer answer = t.ask(3);
  CHECK(answer.unavailable == 1);
  CHECK(answer.partitions.at(0).why == "the other complete replicas cannot lead at present: 4");
}

TEST_CASE("safe_to_stop: the quorum keeps its majority", "[stop]") {
  StopHarness t;
  t.quorum.alive = brokers({1, 3});
  CHECK_FALSE(t.ask(3).is_safe());
  CHECK(t.ask(3).partitions.empty());
  CHECK(t.ask(3).quorum.find("3 voter(s), of which 2 are alive (1, 3)") != std::string::npos);
  CHECK(t.ask(2).is_safe());  // missed already
  CHECK(t.ask(4).is_safe());  // no voter
  t.quorum = {brokers({1}), brokers({1})};
  CHECK_FALSE(t.ask(1).is_safe());
  t.quorum = {brokers({1, 2}), brokers({1, 2})};
  CHECK_FALSE(t.ask(2).is_safe());
  t.quorum = {brokers({1, 2, 3, 4, 5}), brokers({1, 2, 3, 4})};
  CHECK(t.ask(4).is_safe());
  t.quorum.alive = brokers({1, 2, 3, 9});  // who has no vote is of no account
  CHECK_FALSE(t.ask(3).is_safe());
}

TEST_CASE("safe_to_stop: of many partitions the first are listed, and all counted", "[stop]") {
  StopHarness t;
  for (int i = 0; i < 30; ++i) {
    t.create_on("below-" + std::to_string(10 + i), {3, 4, 5});
  }
  for (int i = 0; i < 15; ++i) t.create_on("gone-" + std::to_string(10 + i), {4});
  t.fence(5);
  const StopAnswer answer = t.ask(4);
  CHECK(answer.below_min_insync == 30);
  CHECK(answer.unavailable == 15);
  REQUIRE(answer.partitions.size() == 20);
  CHECK(answer.partitions[0].topic == "gone-10");
  CHECK(answer.partitions[14].topic == "gone-24");
  CHECK(answer.partitions[15].topic == "below-10");
  for (int i = 0; i < 15; ++i) t.create_on("gone-" + std::to_string(30 + i), {4});
  CHECK(t.ask(4).partitions.size() == 20);
  CHECK(t.ask(4).partitions[19].risk == StopRisk::unavailable);
}

TEST_CASE("safe_to_stop: a broker that nobody knows is no answer", "[stop]") {
  StopHarness t;
  CHECK(t.ask(9).outcome.code == Errc::invalid_request);
  CHECK_FALSE(t.ask(9).is_safe());
}

TEST_CASE("safe_to_stop: asking changes nothing, and stopping does what was foretold", "[stop]") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    StopHarness t;
    Prng prng{seed};
    for (int topic = 0; topic < 6; ++topic) {
      t.create({.name = "t" + std::to_string(topic),
                .num_partitions = 3,
                .replication_factor = static_cast<int>(1 + prng.below(4))});
    }
    for (std::uint64_t i = prng.below(3); i > 0; --i) t.fence(static_cast<int>(1 + prng.below(5)));
    const int broker = static_cast<int>(1 + prng.below(5));
    const std::uint64_t version = t.image().version;
    const StopAnswer answer = t.ask(broker);
    REQUIRE(t.image().version == version);
    if (t.image().broker(BrokerId{broker})->fenced) continue;
    const auto without_leader = [&] {
      int count = 0;
      for (const TopicPtr& topic : t.image().topics_sorted()) {
        for (const auto& partition : topic->partitions) count += partition.leader == kNoBroker;
      }
      return count;
    };
    const int before = without_leader();
    t.fence(broker);
    INFO("seed " << seed);
    CHECK(without_leader() - before == answer.unavailable);
  }
}

}  // namespace
}  // namespace strandline
