#include <catch2/catch.hpp>
#include <set>

#include "replication/metadata/level.h"
#include "tests/unit/replication/metadata/controller_harness.h"

using namespace strandline;

TEST_CASE("Controller: a topic without numbers gets the defaults and is led at once",
          "[controller]") {
  ControllerHarness t{1, {.num_partitions = 3}};
  const auto created = t.create({.name = "events"});
  REQUIRE(created.outcome.ok());
  CHECK(created.num_partitions == 3);
  CHECK(created.replication_factor == 1);
  const auto topic = t.image().topic("events");
  REQUIRE(topic);
  CHECK(topic->id == created.id);
  CHECK(!topic->id.is_zero());
  REQUIRE(topic->partitions.size() == 3);
  for (const auto& partition : topic->partitions) {
    CHECK(partition.leader == BrokerId{1});
    CHECK(partition.isr == std::vector{BrokerId{1}});
    CHECK(partition.leader_epoch == LeaderEpoch{0});
  }
}

TEST_CASE("Controller: the log of an older version is raised to this one, once", "[controller]") {
  Controller controller{ControllerHarness::with_tables({}), Uuid{}, 7};
  REQUIRE(controller.replay(FeatureLevelRecord{std::string{kMetadataVersionFeature}, 1}));
  const auto records = controller.raise_level();
  REQUIRE(records.size() == 1);
  REQUIRE(controller.replay(records[0]));
  CHECK(controller.image().feature_level() == kMetadataVersion);
  CHECK(controller.raise_level().empty());
}

TEST_CASE("Controller: the level is raised as far as all brokers can follow, and never lowered",
          "[controller]") {
  ControllerHarness t{3};
  const auto set_level = [&](std::int32_t level) {
    t.replay({FeatureLevelRecord{std::string{kMetadataVersionFeature}, level}});
  };
  const auto start = [&](int id, std::int32_t level_max) {
    t.replay(t.controller.register_broker({.broker = BrokerId{id},
                                           .incarnation = make_uuid(t.ids),
                                           .directory = make_uuid(t.ids),
                                           .advertised = {},
                                           .rpc = {},
                                           .rack = {},
                                           .fenced = id == 3,
                                           .metadata_version_max = level_max}));
  };
  set_level(1);
  start(2, kMetadataVersion + 1);
  start(3, 1);  // down, and counted
  CHECK(t.controller.raise_level().empty());
  start(3, 2);
  const auto records = t.controller.raise_level();
  REQUIRE(records.size() == 1);
  CHECK(std::get<FeatureLevelRecord>(records[0]).level == 2);
  set_level(kMetadataVersion);
  CHECK(t.controller.raise_level().empty());
}

TEST_CASE("Controller: a decision changes nothing before its records are replayed",
          "[controller]") {
  ControllerHarness t;
  const auto decision = t.controller.create_topics(std::vector<NewTopic>{{.name = "a"}}, false);
  CHECK(decision.items.at(0).outcome.ok());
  CHECK(decision.records.size() == 2);
  CHECK(!t.image().topic("a"));
}

TEST_CASE("Controller: the unset replication factor is three, or the number of brokers",
          "[controller]") {
  CHECK(ControllerHarness{1}.create({.name = "a"}).replication_factor == 1);
  CHECK(ControllerHarness{2}.create({.name = "a"}).replication_factor == 2);
  CHECK(ControllerHarness{5}.create({.name = "a"}).replication_factor == 3);
}

TEST_CASE("Controller: leaders spread over the brokers", "[controller]") {
  ControllerHarness t{3};
  t.create({.name = "a", .num_partitions = 6});
  std::map<BrokerId, int> led;
  for (const auto& partition : t.image().topic("a")->partitions) {
    ++led[partition.leader];
    CHECK(std::set(partition.replicas.begin(), partition.replicas.end()).size() == 3);
  }
  CHECK(led == std::map<BrokerId, int>{{BrokerId{1}, 2}, {BrokerId{2}, 2}, {BrokerId{3}, 2}});
}

TEST_CASE("Controller: impossible topics are refused with Kafka's codes", "[controller]") {
  ControllerHarness t;
  t.create({.name = "taken.name"});
  const auto code = [&](NewTopic topic) { return t.create(std::move(topic)).outcome.code; };
  CHECK(code({.name = "taken.name"}) == Errc::topic_already_exists);
  CHECK(code({.name = "taken_name"}) == Errc::invalid_topic_exception);
  CHECK(code({.name = ""}) == Errc::invalid_topic_exception);
  CHECK(code({.name = ".."}) == Errc::invalid_topic_exception);
  CHECK(code({.name = "a b"}) == Errc::invalid_topic_exception);
  CHECK(code({.name = "a/b"}) == Errc::invalid_topic_exception);
  CHECK(code({.name = "__cluster_metadata"}) == Errc::invalid_topic_exception);
  CHECK(code({.name = "__consumer_offsets"}) == Errc::ok);
  CHECK(code({.name = std::string(250, 'x')}) == Errc::invalid_topic_exception);
  CHECK(code({.name = std::string(249, 'x')}) == Errc::ok);
  CHECK(code({.name = "a", .num_partitions = 0}) == Errc::invalid_partitions);
  CHECK(code({.name = "a", .num_partitions = -2}) == Errc::invalid_partitions);
  CHECK(code({.name = "a", .num_partitions = 10001}) == Errc::invalid_partitions);
  CHECK(code({.name = "a", .replication_factor = 0}) == Errc::invalid_replication_factor);
  CHECK(code({.name = "a", .replication_factor = -2}) == Errc::invalid_replication_factor);
  CHECK(code({.name = "a", .replication_factor = 2}) == Errc::invalid_replication_factor);
  CHECK(code({.name = "a", .configs = {{"no.such", "1"}}}) == Errc::invalid_config);
  CHECK(code({.name = "a", .configs = {{"retention.ms", "soon"}}}) == Errc::invalid_config);
  CHECK(code({.name = "a", .configs = {{"retention.ms", std::nullopt}}}) == Errc::invalid_config);
  CHECK(!t.image().topic("a"));
}

TEST_CASE("Controller: a removed Kafka config is accepted and kept nowhere", "[controller]") {
  ControllerHarness t;
  const auto created = t.create(
      {.name = "a", .configs = {{"message.format.version", "2.8"}, {"retention.ms", " 60000 "}}});
  CHECK(created.outcome.ok());
  CHECK(t.image().topic("a")->configs == ConfigMap{{"retention.ms", "60000"}});
}

TEST_CASE("Controller: manual assignments place replicas where they say", "[controller]") {
  ControllerHarness t{3};
  const auto b = [](auto... ids) { return std::vector{BrokerId{ids}...}; };
  const auto created = t.create({.name = "a", .assignments = {{1, b(2, 3)}, {0, b(3, 1)}}});
  REQUIRE(created.outcome.ok());
  CHECK(created.replication_factor == 2);
  const auto topic = t.image().topic("a");
  CHECK(topic->partitions[0].replicas == b(3, 1));
  CHECK(topic->partitions[1].leader == BrokerId{2});

  const auto code = [&](NewTopic topic_) { return t.create(std::move(topic_)).outcome.code; };
  CHECK(code({.name = "x", .num_partitions = 1, .assignments = {{0, b(1)}}}) ==
        Errc::invalid_request);
  CHECK(code({.name = "x", .replication_factor = 1, .assignments = {{0, b(1)}}}) ==
        Errc::invalid_request);
  const auto bad = Errc::invalid_replica_assignment;
  CHECK(code({.name = "x", .assignments = {{0, b(9)}}}) == bad);
  CHECK(code({.name = "x", .assignments = {{0, b(1, 1)}}}) == bad);
  CHECK(code({.name = "x", .assignments = {{0, {}}}}) == bad);
  CHECK(code({.name = "x", .assignments = {{0, b(1)}, {1, b(1, 2)}}}) == bad);
  CHECK(code({.name = "x", .assignments = {{1, b(1)}}}) == bad);
  CHECK(code({.name = "x", .assignments = {{0, b(1)}, {0, b(2)}}}) == bad);
  CHECK(code({.name = "x", .assignments = {{-1, b(1)}}}) == bad);
}

TEST_CASE("Controller: topics of one request are judged together", "[controller]") {
  ControllerHarness t{1, {.request_partitions_max = 10}};
  const auto decision =
      t.controller.create_topics(std::vector<NewTopic>{{.name = "dup"},
                                                       {.name = "a.b", .num_partitions = 6},
                                                       {.name = "dup"},
                                                       {.name = "a_b"},
                                                       {.name = "c", .num_partitions = 5},
                                                       {.name = "d", .num_partitions = 4}},
                                 false);
  REQUIRE(decision.items.size() == 5);  // the doubled name is answered once
  CHECK(decision.items[0].outcome.code == Errc::invalid_request);
  CHECK(decision.items[1].outcome.ok());
  CHECK(decision.items[2].outcome.code == Errc::invalid_topic_exception);  // collides with a.b
  CHECK(decision.items[3].outcome.code == Errc::invalid_partitions);       // 6 + 5 > 10
  CHECK(decision.items[4].outcome.ok());
}

TEST_CASE("Controller: the cluster's partitions are bounded", "[controller]") {
  ControllerHarness t{1, {.partitions_max = 5}};
  CHECK(t.create({.name = "a", .num_partitions = 4}).outcome.ok());
  CHECK(t.create({.name = "b", .num_partitions = 2}).outcome.code == Errc::invalid_partitions);
  CHECK(t.create({.name = "b", .num_partitions = 1}).outcome.ok());
  CHECK(t.image().partition_count == 5);
}

TEST_CASE("Controller: validate_only checks all and creates nothing", "[controller]") {
  ControllerHarness t;
  const std::vector<NewTopic> request{{.name = "a", .num_partitions = 2},
                                      {.name = "b", .num_partitions = 0}};
  const auto decision = t.controller.create_topics(request, true);
  CHECK(decision.items[0].outcome.ok());
  CHECK(decision.items[0].num_partitions == 2);
  CHECK(decision.items[0].id.is_zero());
  CHECK(decision.items[1].outcome.code == Errc::invalid_partitions);
  CHECK(decision.records.empty());
}

TEST_CASE("Controller: naming a topic creates it only where that is allowed", "[controller]") {
  ControllerHarness t{1, {.num_partitions = 2}};
  t.create({.name = "old"});
  const std::vector<std::string> names{"old", "new", "new", "bad name", "__consumer_offsets"};
  const auto decision = t.controller.auto_create_topics(names);
  REQUIRE(decision.items.size() == 4);
  CHECK(decision.items[0].outcome.ok());
  CHECK(decision.items[0].id == t.image().topic("old")->id);
  CHECK(decision.items[0].num_partitions == -1);
  CHECK(decision.items[1].outcome.ok());
  CHECK(decision.items[1].num_partitions == 2);
  CHECK(decision.items[2].outcome.code == Errc::invalid_topic_exception);
  CHECK(decision.items[3].outcome.code == Errc::unknown_topic_or_partition);

  t.replay({ConfigRecord{ConfigResource::broker, "", "auto.create.topics.enable", "false"}});
  const auto off = t.controller.auto_create_topics(std::vector<std::string>{"other"});
  CHECK(off.items.at(0).outcome.code == Errc::unknown_topic_or_partition);
  CHECK(off.records.empty());
}

TEST_CASE("Controller: deletion works by name and by id, and frees the name", "[controller]") {
  ControllerHarness t;
  const auto a = t.create({.name = "a", .configs = {{"retention.ms", "1"}}});
  const auto b = t.create({.name = "b"});
  auto decision =
      t.controller.delete_topics(std::vector<TopicSelector>{{.name = "a"}, {.id = b.id}});
  CHECK(decision.items[0].outcome.ok());
  CHECK(decision.items[1].outcome.ok());
  CHECK(decision.items[1].name == "b");
  t.replay(decision.records);
  CHECK(t.image().topics.size() == 0);
  CHECK(t.image().partition_count == 0);

  const auto again = t.create({.name = "a"});
  CHECK(again.id != a.id);
  CHECK(t.image().topic("a")->configs.empty());
}

TEST_CASE("Controller: deletions that name nothing, too much or twice are refused",
          "[controller]") {
  ControllerHarness t;
  const auto a = t.create({.name = "a"});
  const auto codes = [&](std::vector<TopicSelector> topics) {
    std::vector<Errc> out;
    for (const auto& item : t.controller.delete_topics(topics).items)
      out.push_back(item.outcome.code);
    return out;
  };
  CHECK(codes({{.name = "none"}}) == std::vector{Errc::unknown_topic_or_partition});
  CHECK(codes({{.id = make_uuid(t.ids)}}) == std::vector{Errc::unknown_topic_id});
  CHECK(codes({{}}) == std::vector{Errc::invalid_request});
  CHECK(codes({{.name = "a", .id = a.id}}) == std::vector{Errc::invalid_request});
  CHECK(codes({{.name = "a"}, {.id = a.id}}) == std::vector{Errc::invalid_request});

  ControllerHarness off{1, {.delete_topics = false}};
  off.create({.name = "a"});
  const auto refused = off.controller.delete_topics(std::vector<TopicSelector>{{.name = "a"}});
  CHECK(refused.items[0].outcome.code == Errc::topic_deletion_disabled);
  CHECK(refused.records.empty());
}

TEST_CASE("Controller: partitions are added behind those there are", "[controller]") {
  ControllerHarness t;
  t.create({.name = "a", .num_partitions = 2});
  const auto grow = [&](PartitionGrowth growth) {
    auto decision = t.controller.create_partitions(std::vector{std::move(growth)}, false);
    t.replay(decision.records);
    return decision.items.at(0).code;
  };
  CHECK(grow({.name = "a", .count = 5}) == Errc::ok);
  CHECK(t.image().topic("a")->partitions.size() == 5);
  CHECK(grow({.name = "a", .count = 5}) == Errc::invalid_partitions);
  CHECK(grow({.name = "a", .count = 4}) == Errc::invalid_partitions);
  CHECK(grow({.name = "a", .count = 2147483647}) == Errc::invalid_partitions);
  CHECK(grow({.name = "none", .count = 5}) == Errc::unknown_topic_or_partition);
  using Lists = std::vector<std::vector<BrokerId>>;
  const auto bad = Errc::invalid_replica_assignment;
  CHECK(grow({"a", 7, Lists{{BrokerId{1}}}}) == bad);  // one list for two partitions
  CHECK(grow({"a", 6, Lists{{BrokerId{2}}}}) == bad);  // unknown broker
  CHECK(grow({"a", 6, Lists{{BrokerId{1}, BrokerId{1}}}}) == bad);
  CHECK(grow({"a", 6, Lists{{BrokerId{1}}}}) == Errc::ok);
  CHECK(t.image().topic("a")->partitions.size() == 6);

  const std::vector<PartitionGrowth> twice{{.name = "a", .count = 8}, {.name = "a", .count = 9}};
  for (const auto& item : t.controller.create_partitions(twice, false).items) {
    CHECK(item.code == Errc::invalid_request);
  }
  const std::vector<PartitionGrowth> fine{{.name = "a", .count = 8}};
  CHECK(t.controller.create_partitions(fine, true).records.empty());
}

TEST_CASE("Controller: producer ids come in blocks that never overlap", "[controller]") {
  ControllerHarness t;
  const auto first = t.controller.allocate_producer_ids(BrokerId{1});
  CHECK(first.block.first == ProducerId{0});
  CHECK(first.block.count == 1000);
  t.replay(first.records);
  CHECK(t.controller.allocate_producer_ids(BrokerId{1}).block.first == ProducerId{1000});

  t.replay({ProducerIdsRecord{BrokerId{1}, ProducerId{INT64_MAX - 5}}});
  const auto exhausted = t.controller.allocate_producer_ids(BrokerId{1});
  CHECK(exhausted.outcome.code == Errc::unknown_server_error);
  CHECK(exhausted.records.empty());
}

TEST_CASE("Controller: a restarted broker leads on under new leader epochs", "[controller]") {
  ControllerHarness t{2};
  t.create({.name = "a", .num_partitions = 2, .replication_factor = 1});
  const auto before = t.image().topic("a")->partitions;
  t.register_broker(1);
  const auto after = t.image().topic("a")->partitions;
  for (std::size_t i = 0; i < 2; ++i) {
    const int renewed = before[i].leader == BrokerId{1} ? 1 : 0;
    CHECK(after[i].leader_epoch == before[i].leader_epoch + renewed);
    CHECK(after[i].partition_epoch == before[i].partition_epoch + renewed);
  }
  CHECK(t.image().broker(BrokerId{1})->broker_epoch == 1);
}

TEST_CASE("Controller: the same seed gives the same ids", "[controller]") {
  CHECK(ControllerHarness{}.create({.name = "a"}).id ==
        ControllerHarness{}.create({.name = "a"}).id);
}

TEST_CASE("Controller: with a full disk only what frees space is granted", "[metadata]") {
  ControllerHarness t;
  t.create({.name = "a", .num_partitions = 1});
  t.controller.set_disk_full(true);
  const auto created = t.controller.create_topics(std::vector<NewTopic>{{.name = "b"}}, false);
  CHECK(created.items.at(0).outcome.code == Errc::kafka_storage_error);
  CHECK(created.items.at(0).outcome.message.find("disk.watermark.stop.bytes") != std::string::npos);
  CHECK(created.records.empty());
  const auto by_name = t.controller.auto_create_topics(std::vector<std::string>{"b", "a"});
  CHECK(by_name.items.at(0).outcome.code == Errc::kafka_storage_error);
  CHECK(by_name.items.at(1).outcome.ok());  // it is there
  CHECK(by_name.records.empty());
  const std::vector<PartitionGrowth> growth{{.name = "a", .count = 2}};
  CHECK(t.controller.create_partitions(growth, false).items.at(0).code ==
        Errc::kafka_storage_error);
  CHECK(t.alter("a", {{"retention.ms", 0, "5"}}).code == Errc::kafka_storage_error);
  CHECK(t.alter("a", {{"retention.ms", 0, "5"}}, true).code == Errc::kafka_storage_error);

  CHECK(t.controller.allocate_producer_ids(BrokerId{1}).outcome.ok());
  const auto gone = t.controller.delete_topics(std::vector<TopicSelector>{{.name = "a"}});
  CHECK(gone.items.at(0).outcome.ok());
  CHECK(gone.records.size() == 1);
  t.controller.set_disk_full(false);
  CHECK(t.create({.name = "b"}).outcome.ok());
}
