#include "broker/handlers/metadata.h"

#include <catch2/catch.hpp>

#include "tests/unit/broker/handlers/admin_harness.h"

using namespace strandline;
using Asked = wire::MetadataRequest::Topic;

namespace {

wire::MetadataResponse ask(const AdminHarness& t, std::optional<std::vector<Asked>> topics,
                           std::int16_t version = 12) {
  return answer_metadata(t.image(), t.listener, {.topics = std::move(topics)}, version);
}

std::vector<std::string> names(const wire::MetadataResponse& response) {
  std::vector<std::string> out;
  for (const auto& topic : response.topics) out.push_back(topic.name.value_or("(null)"));
  return out;
}

}  // namespace

TEST_CASE("Metadata: names brokers, the cluster and a controller among the brokers", "[handlers]") {
  AdminHarness t;
  const auto response = ask(t, std::vector<Asked>{});
  REQUIRE(response.brokers.size() == 1);
  CHECK(response.brokers[0].node_id == BrokerId{1});
  CHECK(response.brokers[0].host == "localhost");
  CHECK(response.brokers[0].port == 9092);
  CHECK(response.brokers[0].rack == "rack-1");
  CHECK(response.controller_id == BrokerId{1});
  CHECK(response.cluster_id == to_text(t.image().cluster_id));
  CHECK(response.topics.empty());
}

TEST_CASE("Metadata: an advertised address wins over the one reached", "[handlers]") {
  AdminHarness t;
  t.register_broker(1, HostPort{"broker.example", 19092});
  const auto response = ask(t, std::vector<Asked>{});
  CHECK(response.brokers[0].host == "broker.example");
  CHECK(response.brokers[0].port == 19092);
}

TEST_CASE("Metadata: null asks for all, and so does an empty list in version 0", "[handlers]") {
  AdminHarness t;
  t.create("b");
  t.create("a");
  CHECK(names(ask(t, std::nullopt)) == std::vector<std::string>{"a", "b"});
  CHECK(names(ask(t, std::vector<Asked>{}, 0)) == std::vector<std::string>{"a", "b"});
  CHECK(names(ask(t, std::vector<Asked>{}, 1)).empty());
}

TEST_CASE("Metadata: a topic is told with its partitions and leaders", "[handlers]") {
  AdminHarness t;
  const auto id = t.create("a", 3);
  const auto response = ask(t, std::vector<Asked>{{.name = "a"}});
  REQUIRE(response.topics.size() == 1);
  const auto& topic = response.topics[0];
  CHECK(topic.error_code == Errc::ok);
  CHECK(topic.topic_id == id);
  CHECK(!topic.is_internal);
  CHECK(topic.authorized_operations == wire::kOperationsNotAsked);
  REQUIRE(topic.partitions.size() == 3);
  CHECK(topic.partitions[2].index == PartitionIndex{2});
  CHECK(topic.partitions[2].leader_id == BrokerId{1});
  CHECK(topic.partitions[2].leader_epoch == LeaderEpoch{0});
  CHECK(topic.partitions[2].isr == std::vector{BrokerId{1}});
  CHECK(topic.partitions[2].offline_replicas.empty());
}

TEST_CASE("Metadata: a partition without leader and its offline replicas are told", "[handlers]") {
  AdminHarness t;
  const auto id = t.create("a");
  t.replay({PartitionRecord{.topic_id = id,
                            .replicas = {BrokerId{1}, BrokerId{9}},
                            .leader = kNoBroker,
                            .leader_epoch = LeaderEpoch{1},
                            .partition_epoch = 1}});
  const auto partition = ask(t, std::nullopt).topics.at(0).partitions.at(0);
  CHECK(partition.error_code == Errc::leader_not_available);
  CHECK(partition.leader_id == kNoBroker);
  CHECK(partition.offline_replicas == std::vector{BrokerId{9}});
}

TEST_CASE("Metadata: from version 12 on a topic may be asked for by its id alone", "[handlers]") {
  AdminHarness t;
  const auto id = t.create("a");
  const auto found = ask(t, std::vector<Asked>{{.topic_id = id}});
  CHECK(found.topics.at(0).name == "a");
  const auto other = make_uuid(t.ids);
  const auto missing = ask(t, std::vector<Asked>{{.topic_id = other}}).topics.at(0);
  CHECK(missing.error_code == Errc::unknown_topic_id);
  CHECK(missing.topic_id == other);
  CHECK(!missing.name);
  const auto early = ask(t, std::vector<Asked>{{.topic_id = id}}, 11).topics.at(0);
  CHECK(early.error_code == Errc::invalid_request);
  CHECK(early.name == "");  // version 11 has no null name
  CHECK(ask(t, std::vector<Asked>{{}}).topics.at(0).error_code == Errc::invalid_request);
}

TEST_CASE("Metadata: unknown and impossible names have codes of their own", "[handlers]") {
  AdminHarness t;
  const auto response = ask(t, std::vector<Asked>{{.name = "none"}, {.name = "a b"}});
  CHECK(response.topics.at(0).error_code == Errc::unknown_topic_or_partition);
  CHECK(response.topics.at(0).name == "none");
  CHECK(response.topics.at(1).error_code == Errc::invalid_topic_exception);
}

TEST_CASE("Metadata: a topic asked for many times is answered once", "[handlers]") {
  AdminHarness t;
  t.create("a", 100);
  CHECK(ask(t, std::vector<Asked>(1000, {.name = "a"})).topics.size() == 1);
}

TEST_CASE("Metadata: authorized operations are told when asked for", "[handlers]") {
  AdminHarness t;
  t.create("a");
  const auto response = answer_metadata(t.image(), t.listener,
                                        {.topics = std::nullopt,
                                         .include_cluster_authorized_operations = true,
                                         .include_topic_authorized_operations = true},
                                        9);
  CHECK(response.topics.at(0).authorized_operations == 3576);  // bits 3-8, 10, 11
  CHECK(response.cluster_authorized_operations == 8096);       // bits 5, 7-12
}

TEST_CASE("Metadata: fenced brokers are not told to clients", "[handlers]") {
  AdminHarness t;
  t.register_broker(2, HostPort{"two", 2});
  CHECK(ask(t, std::nullopt).brokers.size() == 2);
  t.fence(2);
  CHECK(ask(t, std::nullopt).brokers.size() == 1);
  t.fence(1);
  CHECK(ask(t, std::nullopt).controller_id == kNoBroker);
}

TEST_CASE("Metadata: only legal, missing names that the client wants are created", "[handlers]") {
  AdminHarness t;
  t.create("old");
  const std::vector<Asked> topics{{.name = "old"},
                                  {.name = "new"},
                                  {.name = "new"},
                                  {.name = "a b"},
                                  {.name = "__consumer_offsets"},
                                  {.topic_id = make_uuid(t.ids)},
                                  {.name = "other"}};
  CHECK(topics_to_create(t.image(), {.topics = topics}) ==
        std::vector<std::string>{"new", "other"});
  CHECK(
      topics_to_create(t.image(), {.topics = topics, .allow_auto_topic_creation = false}).empty());
  CHECK(topics_to_create(t.image(), {.topics = std::nullopt}).empty());
}
