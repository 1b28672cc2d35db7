#include <catch2/catch.hpp>

#include "broker/handlers/create_partitions.h"
#include "broker/handlers/create_topics.h"
#include "broker/handlers/delete_topics.h"
#include "tests/unit/broker/handlers/admin_harness.h"

using namespace strandline;

TEST_CASE("CreateTopics: the answer tells what was created, configs included", "[handlers]") {
  AdminHarness t;
  const wire::CreateTopicsRequest request{
      .topics = {{.name = "a",
                  .partition_count = 2,
                  .replication_factor = -1,
                  .configs = {{"retention.ms", "5"}}},
                 {.name = "b", .partition_count = 0, .replication_factor = 1}}};
  const auto decided = decide_create_topics(t.controller, t.configs, request);
  REQUIRE(decided.response.topics.size() == 2);
  const auto& a = decided.response.topics[0];
  CHECK(a.error_code == Errc::ok);
  CHECK(!a.error_message);
  CHECK(a.partition_count == 2);
  CHECK(a.replication_factor == 1);
  REQUIRE(a.configs);
  CHECK(a.configs->size() == topic_config_defs().size());
  for (const auto& config : *a.configs) {
    const bool own = config.name == "retention.ms";
    CHECK((config.source == wire::ConfigSource::topic) == own);
    if (own) CHECK(config.value == "5");
  }
  const auto& b = decided.response.topics[1];
  CHECK(b.error_code == Errc::invalid_partitions);
  CHECK(b.error_message);
  CHECK(!b.configs);
  CHECK(b.partition_count == -1);

  t.replay(decided.records);
  CHECK(t.image().topic("a")->id == a.topic_id);
  CHECK(!t.image().topic("b"));
}

TEST_CASE("CreateTopics: assignments and null config values are passed on", "[handlers]") {
  AdminHarness t;
  t.register_broker(2, HostPort{"two", 2});
  const wire::CreateTopicsRequest request{
      .topics = {{.name = "a",
                  .partition_count = -1,
                  .replication_factor = -1,
                  .assignments = {{PartitionIndex{0}, {BrokerId{2}, BrokerId{1}}}}},
                 {.name = "b",
                  .partition_count = -1,
                  .replication_factor = -1,
                  .configs = {{"retention.ms", std::nullopt}}}}};
  const auto decided = decide_create_topics(t.controller, t.configs, request);
  t.replay(decided.records);
  CHECK(t.image().topic("a")->partitions.at(0).leader == BrokerId{2});
  CHECK(decided.response.topics[1].error_code == Errc::invalid_config);
}

TEST_CASE("CreateTopics: validate_only answers in full and records nothing", "[handlers]") {
  AdminHarness t;
  const auto decided = decide_create_topics(
      t.controller, t.configs,
      {.topics = {{.name = "a", .partition_count = 3, .replication_factor = 1}},
       .validate_only = true});
  CHECK(decided.response.topics.at(0).partition_count == 3);
  CHECK(decided.response.topics.at(0).topic_id.is_zero());
  CHECK(decided.records.empty());
}

TEST_CASE("DeleteTopics: names before version 6, names or ids from then on", "[handlers]") {
  AdminHarness t;
  t.create("a");
  const auto b = t.create("b");
  const auto old = decide_delete_topics(t.controller, {.topic_names = {"a", "none"}}, 5);
  REQUIRE(old.response.topics.size() == 2);
  CHECK(old.response.topics[0].name == "a");
  CHECK(old.response.topics[0].error_code == Errc::ok);
  CHECK(old.response.topics[1].error_code == Errc::unknown_topic_or_partition);
  t.replay(old.records);
  CHECK(!t.image().topic("a"));

  const auto unknown = make_uuid(t.ids);
  const auto by_id =
      decide_delete_topics(t.controller, {.topics = {{.topic_id = b}, {.topic_id = unknown}}}, 6);
  REQUIRE(by_id.response.topics.size() == 2);
  CHECK(by_id.response.topics[0].name == "b");
  CHECK(by_id.response.topics[0].topic_id == b);
  CHECK(by_id.response.topics[1].error_code == Errc::unknown_topic_id);
  CHECK(!by_id.response.topics[1].name);
  t.replay(by_id.records);
  CHECK(t.image().topics.size() == 0);
}

TEST_CASE("DeleteTopics: old clients hear of switched-off deletion in a code they know",
          "[handlers]") {
  Controller controller{{.delete_topics = false}, Uuid{}, 1};
  const auto code = [&](std::int16_t version) {
    return decide_delete_topics(controller, {.topic_names = {"a"}}, version)
        .response.topics.at(0)
        .error_code;
  };
  CHECK(code(2) == Errc::invalid_request);
  CHECK(code(3) == Errc::topic_deletion_disabled);
}

TEST_CASE("CreatePartitions: counts and assignments are passed on", "[handlers]") {
  AdminHarness t;
  t.create("a", 1);
  using Request = wire::CreatePartitionsRequest;
  const auto decided = decide_create_partitions(
      t.controller, {.topics = {{.name = "a",
                                 .partition_count = 2,
                                 .assignments = std::vector<Request::Assignment>{{{BrokerId{1}}}}},
                                {.name = "none", .partition_count = 2}}});
  REQUIRE(decided.response.topics.size() == 2);
  CHECK(decided.response.topics[0].error_code == Errc::ok);
  CHECK(decided.response.topics[1].name == "none");
  CHECK(decided.response.topics[1].error_code == Errc::unknown_topic_or_partition);
  t.replay(decided.records);
  CHECK(t.image().topic("a")->partitions.size() == 2);
}
