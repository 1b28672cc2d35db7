#include <catch2/catch.hpp>

#include "broker/handlers/controller_requests.h"
#include "broker/handlers/elect_leaders.h"
#include "broker/handlers/partition_reassignments.h"
#include "protocol/wire/frame.h"
#include "tests/unit/broker/handlers/admin_harness.h"

using namespace strandline;

namespace {

std::vector<BrokerId> b(std::initializer_list<int> numbers) {
  std::vector<BrokerId> all;
  for (const int number : numbers) all.emplace_back(number);
  return all;
}

// Brokers 1 to 4; "a" has a partition on 1, 2, 3 and one on 2, 3, 1, "b" one on 3 and 4.
struct ReplicasHarness : AdminHarness {
  ReplicasHarness() {
    for (const int id : {2, 3, 4}) register_broker(id, HostPort{"host", 1});
    a = create_on("a", {b({1, 2, 3}), b({2, 3, 1})});
    create_on("b", {b({3, 4})});
  }

  Uuid create_on(const std::string& name, std::vector<std::vector<BrokerId>> replicas) {
    NewTopic topic{.name = name};
    for (std::size_t i = 0; i < replicas.size(); ++i) {
      topic.assignments.push_back({static_cast<std::int32_t>(i), replicas[i]});
    }
    auto decision = controller.create_topics(std::vector{topic}, false);
    REQUIRE(decision.items.at(0).outcome.ok());
    replay(decision.records);
    return decision.items.at(0).id;
  }

  void lose(int id) { replay(controller.fence_broker(BrokerId{id})); }
  void find(int id) { replay(controller.unfence_broker(BrokerId{id})); }

  // A leader has found those in sync.
  void in_sync(const std::string& topic, int partition, std::initializer_list<int> isr) {
    const PartitionIndex index{partition};
    IsrAlteration wanted{.place = {image().topic(topic)->id, index},
                         .leader_epoch = now(topic, partition).leader_epoch,
                         .partition_epoch = now(topic, partition).partition_epoch,
                         .isr = {}};
    for (const int id : isr) wanted.isr.push_back({BrokerId{id}, epoch_of(BrokerId{id})});
    const BrokerId leader = now(topic, partition).leader;
    auto decision = controller.alter_isr(leader, epoch_of(leader), std::span{&wanted, 1});
    REQUIRE(decision.items.at(0).outcome.ok());
    replay(decision.records);
  }

  std::int64_t epoch_of(BrokerId id) const { return image().broker(id)->broker_epoch; }
  const PartitionImage& now(const std::string& topic, int partition) const {
    return *image().partition(topic, PartitionIndex{partition});
  }

  wire::ElectLeadersResponse elect(const wire::ElectLeadersRequest& request) {
    auto decided = decide_elect_leaders(controller, request);
    unclean = unclean_elections(image(), decided.records);
    replay(decided.records);
    return std::move(decided.response);
  }

  wire::AlterPartitionReassignmentsResponse alter(
      const wire::AlterPartitionReassignmentsRequest& request) {
    auto decided = decide_alter_partition_reassignments(controller, request);
    replay(decided.records);
    return std::move(decided.response);
  }
  Errc alter_a0(std::optional<std::vector<BrokerId>> replicas, bool may_change_factor = true) {
    return alter({.allow_replication_factor_change = may_change_factor,
                  .topics = {{"a", {{PartitionIndex{0}, std::move(replicas)}}}}})
        .topics.at(0)
        .partitions.at(0)
        .error_code;
  }

  Uuid a;
  std::vector<UncleanElection> unclean;
};

std::vector<Errc> codes(const wire::ElectLeadersResponse::Topic& topic) {
  std::vector<Errc> all;
  for (const auto& partition : topic.partitions) all.push_back(partition.error_code);
  return all;
}

const PartitionIndex k0{0};
const PartitionIndex k1{1};

}  // namespace

TEST_CASE("ElectLeaders: every partition that is named is answered", "[handlers]") {
  ReplicasHarness t;
  t.lose(1);
  t.find(1);
  t.in_sync("a", 0, {1, 2, 3});
  REQUIRE(t.now("a", 0).leader == BrokerId{2});
  const auto answer =
      t.elect({.topics = {{{.name = "a", .partitions = {k0, k1, PartitionIndex{2}}},
                           {.name = "none", .partitions = {k0, PartitionIndex{-1}}}}}});
  CHECK(answer.error_code == Errc::ok);
  REQUIRE(answer.topics.size() == 2);
  CHECK(answer.topics[0].name == "a");
  CHECK(codes(answer.topics[0]) ==
        std::vector{Errc::ok, Errc::election_not_needed, Errc::unknown_topic_or_partition});
  CHECK(!answer.topics[0].partitions[0].error_message);
  CHECK(answer.topics[0].partitions[1].error_message);
  CHECK(answer.topics[1].name == "none");
  CHECK(codes(answer.topics[1]) ==
        std::vector{Errc::unknown_topic_or_partition, Errc::unknown_topic_or_partition});
  CHECK(t.now("a", 0).leader == BrokerId{1});
}

TEST_CASE("ElectLeaders: asked for all, it tells only of those that needed something",
          "[handlers]") {
  ReplicasHarness t;
  CHECK(t.elect({}).topics.empty());
  t.lose(2);
  t.lose(3);
  t.find(3);
  t.in_sync("b", 0, {3, 4});
  // Broker 2 is away; 3 may lead "b" again.
  const auto answer = t.elect({});
  REQUIRE(answer.topics.size() == 2);
  CHECK(answer.topics[0].name == "a");
  REQUIRE(answer.topics[0].partitions.size() == 1);
  CHECK(answer.topics[0].partitions[0].index == k1);
  CHECK(codes(answer.topics[0]) == std::vector{Errc::preferred_leader_not_available});
  CHECK(answer.topics[1].name == "b");
  CHECK(codes(answer.topics[1]) == std::vector{Errc::ok});
  CHECK(t.now("b", 0).leader == BrokerId{3});
}

TEST_CASE("ElectLeaders: an unclean election gives up what only others have, and says so",
          "[handlers]") {
  ReplicasHarness t;
  const wire::ElectLeadersRequest request{.election_type = wire::ElectionType::unclean,
                                          .topics = {{{.name = "b", .partitions = {k0}}}}};
  CHECK(codes(t.elect(request).topics.at(0)) == std::vector{Errc::election_not_needed});
  t.lose(4);
  t.lose(3);
  CHECK(codes(t.elect(request).topics.at(0)) == std::vector{Errc::eligible_leaders_not_available});
  CHECK(t.unclean.empty());
  t.find(4);
  REQUIRE(t.now("b", 0).leader == kNoBroker);
  CHECK(codes(t.elect(request).topics.at(0)) == std::vector{Errc::ok});
  CHECK(t.now("b", 0).leader == BrokerId{4});
  REQUIRE(t.unclean.size() == 1);
  CHECK(t.unclean[0].topic == "b");
  CHECK(t.unclean[0].partition == k0);
  CHECK(t.unclean[0].leader == BrokerId{4});
  CHECK(t.unclean[0].given_up == b({3}));
}

TEST_CASE("ElectLeaders: a clean election gives nothing up", "[handlers]") {
  ReplicasHarness t;
  t.lose(1);
  t.find(1);
  t.in_sync("a", 0, {1, 2, 3});
  t.elect({});
  CHECK(t.now("a", 0).leader == BrokerId{1});
  CHECK(t.unclean.empty());
}

TEST_CASE("ElectLeaders: another kind of election than these two is refused as a whole",
          "[handlers]") {
  ReplicasHarness t;
  const auto answer = t.elect({.election_type = static_cast<wire::ElectionType>(2)});
  CHECK(answer.error_code == Errc::invalid_request);
  CHECK(answer.topics.empty());
}

TEST_CASE("ElectLeaders, AlterPartitionReassignments: a partition counts once", "[handlers]") {
  ReplicasHarness t;
  const auto elected = t.elect({.topics = {{{.name = "a", .partitions = {k0, k0}}}}});
  CHECK(codes(elected.topics.at(0)) ==
        std::vector{Errc::election_not_needed, Errc::invalid_request});
  const auto altered =
      t.alter({.topics = {{"a", {{k0, b({1, 2, 4})}}}, {"a", {{k0, b({4, 2, 3})}}}}});
  REQUIRE(altered.topics.size() == 2);
  CHECK(altered.topics[0].partitions.at(0).error_code == Errc::ok);
  CHECK(altered.topics[1].partitions.at(0).error_code == Errc::invalid_request);
  CHECK(t.now("a", 0).adding == b({4}));
  CHECK(t.now("a", 0).removing == b({3}));
}

TEST_CASE("AlterPartitionReassignments: begins one, is answered by partition", "[handlers]") {
  ReplicasHarness t;
  const auto answer = t.alter({.topics = {{"a",
                                           {{k0, b({4, 2, 3})},
                                            {k1, b({2, 9})},
                                            {PartitionIndex{2}, b({1})},
                                            {PartitionIndex{-1}, std::nullopt}}},
                                          {"none", {{k0, b({1})}}}}});
  CHECK(answer.error_code == Errc::ok);
  REQUIRE(answer.topics.size() == 2);
  REQUIRE(answer.topics[0].partitions.size() == 4);
  CHECK(answer.topics[0].partitions[0].error_code == Errc::ok);
  CHECK(answer.topics[0].partitions[1].error_code == Errc::invalid_replica_assignment);
  CHECK(answer.topics[0].partitions[1].error_message);
  CHECK(answer.topics[0].partitions[2].error_code == Errc::unknown_topic_or_partition);
  CHECK(answer.topics[0].partitions[3].error_code == Errc::unknown_topic_or_partition);
  CHECK(answer.topics[1].partitions.at(0).error_code == Errc::unknown_topic_or_partition);
  CHECK(t.now("a", 0).adding == b({4}));
  CHECK(t.now("a", 0).removing == b({1}));
  CHECK(t.now("a", 1).adding.empty());
}

TEST_CASE("AlterPartitionReassignments: lists that are no replicas are refused", "[handlers]") {
  ReplicasHarness t;
  CHECK(t.alter_a0(b({})) == Errc::invalid_replica_assignment);
  CHECK(t.alter_a0(b({1, 1})) == Errc::invalid_replica_assignment);
  CHECK(t.alter_a0(b({-1})) == Errc::invalid_replica_assignment);
}

TEST_CASE("AlterPartitionReassignments: null takes one back, where there is one", "[handlers]") {
  ReplicasHarness t;
  CHECK(t.alter_a0(std::nullopt) == Errc::no_reassignment_in_progress);
  CHECK(t.alter_a0(b({4, 2, 3})) == Errc::ok);
  CHECK(t.alter_a0(std::nullopt) == Errc::ok);
  CHECK(t.now("a", 0).replicas == b({2, 3, 1}));
  CHECK(t.now("a", 0).adding.empty());
}

TEST_CASE("AlterPartitionReassignments: the number of replicas stays, when that is asked",
          "[handlers]") {
  ReplicasHarness t;
  CHECK(t.alter_a0(b({1, 2}), false) == Errc::invalid_replication_factor);
  CHECK(t.alter_a0(b({4, 2, 3}), false) == Errc::ok);
  // Four replicas while it moves, and still three to be.
  CHECK(t.alter_a0(b({1, 2, 3, 4}), false) == Errc::invalid_replication_factor);
  CHECK(t.alter_a0(b({1, 2, 4}), false) == Errc::ok);
  CHECK(t.alter_a0(b({1, 2}), true) == Errc::ok);
  CHECK_FALSE(t.alter({.allow_replication_factor_change = false, .topics = {}})
                  .allow_replication_factor_change);
}

TEST_CASE("ListPartitionReassignments: lists those under way, and no others", "[handlers]") {
  ReplicasHarness t;
  CHECK(answer_list_partition_reassignments(t.image(), {}).topics.empty());
  REQUIRE(t.alter_a0(b({4, 2, 3})) == Errc::ok);
  const auto all = answer_list_partition_reassignments(t.image(), {});
  CHECK(all.error_code == Errc::ok);
  REQUIRE(all.topics.size() == 1);
  CHECK(all.topics[0].name == "a");
  REQUIRE(all.topics[0].partitions.size() == 1);
  const auto& moving = all.topics[0].partitions[0];
  CHECK(moving.index == k0);
  CHECK(moving.replicas == b({4, 2, 3, 1}));
  CHECK(moving.adding == b({4}));
  CHECK(moving.removing == b({1}));

  const auto named = answer_list_partition_reassignments(
      t.image(),
      {.topics = {{{.name = "a", .partitions = {PartitionIndex{-1}, k0, k1, PartitionIndex{9}}},
                   {.name = "b", .partitions = {k0}},
                   {.name = "none", .partitions = {k0}}}}});
  CHECK(named.topics == all.topics);
  CHECK(answer_list_partition_reassignments(t.image(), {.topics = {{}}}).topics.empty());
}

TEST_CASE("controller requests: elections and reassignments are decided from frame to frame",
          "[handlers]") {
  ReplicasHarness t;
  wire::EncodedFrame asked;
  wire::encode_request(
      wire::AlterPartitionReassignmentsRequest{.topics = {{"a", {{k0, b({4, 2, 3})}}}}}, 1, 5,
      "tester", asked);
  auto decided = decide_kafka_request(t.controller, t.configs,
                                      asked.buffer.view().subspan(wire::kFrameSizeBytes));
  REQUIRE(decided);
  CHECK(decided.value().records.size() == 1);
  wire::EncodedFrame elect;
  wire::encode_request(wire::ElectLeadersRequest{}, 0, 6, "tester", elect);
  decided = decide_kafka_request(t.controller, t.configs,
                                 elect.buffer.view().subspan(wire::kFrameSizeBytes));
  REQUIRE(decided);
  CHECK(decided.value().records.empty());
  const ByteView answered{decided.value().frame};
  const auto header = wire::decode_response_header(answered.subspan(wire::kFrameSizeBytes),
                                                   wire::kElectLeadersApi, 0);
  REQUIRE(header);
  CHECK(header.value().correlation_id == 6);
}
