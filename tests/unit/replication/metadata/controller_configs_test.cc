#include <catch2/catch.hpp>

#include "tests/unit/replication/metadata/controller_harness.h"

using namespace strandline;

namespace {

constexpr std::int8_t kSet = 0;
constexpr std::int8_t kRemove = 1;
constexpr std::int8_t kAppend = 2;
constexpr std::int8_t kSubtract = 3;

struct ConfigsHarness : ControllerHarness {
  ConfigsHarness() { create({.name = "a", .configs = {{"retention.ms", "5"}}}); }
  const ConfigMap& configs() const { return image().topic("a")->configs; }
  Errc broker(const std::string& name, std::vector<ConfigChange> changes) {
    auto decision = controller.alter_configs_incrementally(
        std::vector<ConfigAlteration>{{4, name, std::move(changes)}}, false);
    replay(decision.records);
    return decision.items.at(0).code;
  }
};

}  // namespace

TEST_CASE("Controller: incremental changes touch only what they name", "[configs]") {
  ConfigsHarness t;
  CHECK(t.alter("a", {{"segment.ms", kSet, "7"}}).ok());
  CHECK(t.configs() == ConfigMap{{"retention.ms", "5"}, {"segment.ms", "7"}});
  CHECK(t.alter("a", {{"retention.ms", kRemove, std::nullopt}}).ok());
  CHECK(t.configs() == ConfigMap{{"segment.ms", "7"}});
}

TEST_CASE("Controller: a full alteration replaces the whole set", "[configs]") {
  ConfigsHarness t;
  CHECK(t.alter("a", {{"segment.ms", kSet, "7"}}, true).ok());
  CHECK(t.configs() == ConfigMap{{"segment.ms", "7"}});
  CHECK(t.alter("a", {}, true).ok());
  CHECK(t.configs().empty());
}

TEST_CASE("Controller: items are added to and taken from lists, defaults included", "[configs]") {
  ConfigsHarness t;
  CHECK(t.alter("a", {{"cleanup.policy", kAppend, "compact"}}).ok());
  CHECK(t.configs().at("cleanup.policy") == "delete,compact");
  CHECK(t.alter("a", {{"cleanup.policy", kAppend, "compact"}}).ok());  // there already
  CHECK(t.configs().at("cleanup.policy") == "delete,compact");
  CHECK(t.alter("a", {{"cleanup.policy", kSubtract, "delete"}}).ok());
  CHECK(t.configs().at("cleanup.policy") == "compact");
  CHECK(t.alter("a", {{"cleanup.policy", kSubtract, "compact"}}).code == Errc::invalid_config);
  CHECK(t.alter("a", {{"retention.ms", kAppend, "5"}}).code == Errc::invalid_config);
}

TEST_CASE("Controller: bad config changes are refused with Kafka's codes", "[configs]") {
  ConfigsHarness t;
  const auto code = [&](std::vector<ConfigChange> changes) {
    return t.alter("a", std::move(changes)).code;
  };
  CHECK(code({{"no.such", kSet, "1"}}) == Errc::invalid_config);
  CHECK(code({{"no.such", kRemove, std::nullopt}}) == Errc::invalid_config);
  CHECK(code({{"segment.ms", kSet, "0"}}) == Errc::invalid_config);
  CHECK(code({{"segment.ms", kSet, std::nullopt}}) == Errc::invalid_request);
  CHECK(code({{"segment.ms", 4, "1"}}) == Errc::invalid_request);
  CHECK(code({{"segment.ms", -1, "1"}}) == Errc::invalid_request);
  CHECK(code({{"segment.ms", kSet, "1"}, {"segment.ms", kRemove, std::nullopt}}) ==
        Errc::invalid_request);
  CHECK(code({{"min.compaction.lag.ms", kSet, "10"}, {"max.compaction.lag.ms", kSet, "9"}}) ==
        Errc::invalid_config);
  CHECK(t.configs() == ConfigMap{{"retention.ms", "5"}});  // one bad change keeps the others out
  CHECK(t.alter("none", {}).code == Errc::unknown_topic_or_partition);
  CHECK(t.alter("a", {{"segment.ms", kSet, std::nullopt}}, true).code == Errc::invalid_request);
}

TEST_CASE("Controller: a resource named twice in one request is refused both times", "[configs]") {
  ConfigsHarness t;
  const std::vector<ConfigAlteration> request{{2, "a", {}}, {2, "a", {}}, {4, "", {}}};
  const auto decision = t.controller.alter_configs_incrementally(request, false);
  CHECK(decision.items[0].code == Errc::invalid_request);
  CHECK(decision.items[1].code == Errc::invalid_request);
  CHECK(decision.items[2].ok());
}

TEST_CASE("Controller: changes that change nothing write nothing", "[configs]") {
  ConfigsHarness t;
  const std::vector<ConfigAlteration> same{{2, "a", {{"retention.ms", kSet, "5"}}}};
  CHECK(t.controller.alter_configs_incrementally(same, false).records.empty());
  const std::vector<ConfigAlteration> other{{2, "a", {{"retention.ms", kSet, "6"}}}};
  CHECK(t.controller.alter_configs_incrementally(other, true).records.empty());
  CHECK(t.controller.alter_configs_incrementally(other, false).records.size() == 1);
}

TEST_CASE("Controller: broker configs change for one broker or for all", "[configs]") {
  ConfigsHarness t;
  CHECK(t.broker("", {{"num.partitions", kSet, "4"}}) == Errc::ok);
  CHECK(t.controller.num_partitions() == 4);
  CHECK(t.broker("1", {{"num.partitions", kSet, "6"}}) == Errc::ok);
  CHECK(t.controller.num_partitions() == 6);  // the broker's own wins
  CHECK(t.broker("1", {{"num.partitions", kRemove, std::nullopt}}) == Errc::ok);
  CHECK(t.controller.num_partitions() == 4);
  CHECK(t.image().broker_configs.size() == 1);

  CHECK(t.broker("", {{"node.id", kSet, "2"}}) == Errc::invalid_config);  // not while running
  CHECK(t.broker("", {{"no.such", kSet, "2"}}) == Errc::invalid_config);
  CHECK(t.broker("7", {{"num.partitions", kSet, "2"}}) == Errc::invalid_request);
  CHECK(t.broker("01", {{"num.partitions", kSet, "2"}}) == Errc::invalid_request);
  CHECK(t.broker("x", {{"num.partitions", kSet, "2"}}) == Errc::invalid_request);
}

TEST_CASE("Controller: Kafka's throttle of a single log directory can be removed, not set",
          "[configs]") {
  ConfigsHarness t;
  const std::string name = "replica.alter.log.dirs.io.max.bytes.per.second";
  CHECK(t.broker("1", {{name, kRemove, std::nullopt}}) == Errc::ok);
  CHECK(t.broker("1", {{name, kSet, "1000"}}) == Errc::invalid_config);
  CHECK(t.alter("a", {{name, kRemove, std::nullopt}}).code == Errc::invalid_config);
}

TEST_CASE("Controller: throttled replicas are pairs, or all", "[configs]") {
  ConfigsHarness t;
  const std::string name = "follower.replication.throttled.replicas";
  CHECK(t.alter("a", {{name, kSet, "0:1,0:2"}}).ok());
  CHECK(t.alter("a", {{name, kAppend, "1:1"}}).ok());
  CHECK(t.configs().at(name) == "0:1,0:2,1:1");
  CHECK(t.alter("a", {{name, kSet, "some"}}).code == Errc::invalid_config);
  CHECK(t.alter("a", {{name, kAppend, "*"}}).code == Errc::invalid_config);
  CHECK(t.alter("a", {{name, kSet, "*"}}).ok());
}

TEST_CASE("Controller: resources other than topics and brokers are refused", "[configs]") {
  ConfigsHarness t;
  const std::vector<ConfigAlteration> request{{8, "1", {}}, {16, "x", {}}};
  for (const auto& item : t.controller.alter_configs_incrementally(request, false).items) {
    CHECK(item.code == Errc::invalid_request);
  }
}

TEST_CASE("Controller: a run-time default reaches topics without their own value", "[configs]") {
  ConfigsHarness t;
  t.create({.name = "plain"});
  CHECK(t.broker("", {{"topic.defaults.retention.ms", kSet, "77"}}) == Errc::ok);
  const auto retention = [&](const char* name) {
    return topic_config(t.image(), *t.image().topic(name), BrokerId{1}, {}).retention_ms;
  };
  CHECK(retention("plain") == 77);
  CHECK(retention("a") == 5);
}
