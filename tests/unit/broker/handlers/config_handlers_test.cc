#include <catch2/catch.hpp>

#include "broker/handlers/alter_configs.h"
#include "broker/handlers/describe_configs.h"
#include "broker/handlers/incremental_alter_configs.h"
#include "broker/handlers/list_config_resources.h"
#include "tests/unit/broker/handlers/admin_harness.h"

using namespace strandline;
using enum wire::ConfigResourceType;
using Described = wire::DescribeConfigsResponse;

namespace {

Described::Result describe(const AdminHarness& t, wire::ConfigResourceType type,
                           std::string_view name, bool details = false) {
  const wire::DescribeConfigsRequest request{.resources = {{.type = type, .name = name}},
                                             .include_synonyms = details,
                                             .include_documentation = details};
  return answer_describe_configs(t.image(), t.configs, request).results.at(0);
}

const Described::Config& config(const Described::Result& result, std::string_view name) {
  for (const auto& one : result.configs) {
    if (one.name == name) return one;
  }
  FAIL("no config " << name);
  return result.configs.front();
}

Settings settings_with(std::vector<std::pair<std::string, std::string>> values) {
  Settings settings;
  for (const auto& [key, value] : values) REQUIRE(!set_setting(settings, key, value));
  return settings;
}

}  // namespace

TEST_CASE("DescribeConfigs: a topic shows every config with value, type and source", "[handlers]") {
  AdminHarness t{settings_with({{"topic.defaults.segment.ms", "1h"}})};
  t.create("a", 1, {{"retention.ms", "5"}});
  const auto result = describe(t, topic, "a");
  CHECK(result.error_code == Errc::ok);
  CHECK(result.configs.size() == topic_config_defs().size());
  const auto& own = config(result, "retention.ms");
  CHECK(own.value == "5");
  CHECK(own.source == wire::ConfigSource::topic);
  CHECK(own.type == wire::ConfigType::int64);
  CHECK(!own.read_only);
  CHECK(own.synonyms.empty());
  CHECK(!own.documentation);
  CHECK(config(result, "segment.ms").value == "3600000");
  CHECK(config(result, "segment.ms").source == wire::ConfigSource::static_broker);
  CHECK(config(result, "cleanup.policy").value == "delete");
  CHECK(config(result, "cleanup.policy").source == wire::ConfigSource::default_value);
}

TEST_CASE("DescribeConfigs: synonyms tell what would hold otherwise, strongest first",
          "[handlers]") {
  AdminHarness t{settings_with({{"topic.defaults.retention.ms", "7"}})};
  t.create("a", 1, {{"retention.ms", "5"}});
  t.replay({ConfigRecord{ConfigResource::broker, "", "topic.defaults.retention.ms", "6"}});
  const auto shown = config(describe(t, topic, "a", true), "retention.ms");
  using Source = wire::ConfigSource;
  CHECK(shown.synonyms ==
        std::vector<Described::Synonym>{{"retention.ms", "5", Source::topic},
                                        {"log.retention.ms", "6", Source::dynamic_default_broker},
                                        {"log.retention.ms", "7", Source::static_broker},
                                        {"log.retention.ms", "604800000", Source::default_value}});
  CHECK(shown.documentation);
}

TEST_CASE("DescribeConfigs: the broker shows its settings under its own id", "[handlers]") {
  AdminHarness t{settings_with({{"num.partitions", "4"}})};
  const auto result = describe(t, broker, "1");
  CHECK(config(result, "num.partitions").value == "4");
  CHECK(config(result, "num.partitions").source == wire::ConfigSource::static_broker);
  CHECK(config(result, "memory.budget").source == wire::ConfigSource::default_value);
  CHECK(config(result, "memory.budget").read_only);

  t.replay({ConfigRecord{ConfigResource::broker, "1", "num.partitions", "6"},
            ConfigRecord{ConfigResource::broker, "", "num.partitions", "5"}});
  CHECK(config(describe(t, broker, "1"), "num.partitions").value == "6");
  const auto defaults = describe(t, broker, "");
  REQUIRE(defaults.configs.size() == 1);
  CHECK(defaults.configs[0].value == "5");
  CHECK(defaults.configs[0].source == wire::ConfigSource::dynamic_default_broker);
}

TEST_CASE("DescribeConfigs: the broker's configs carry the names that Kafka's tools look for",
          "[handlers]") {
  AdminHarness t{settings_with({{"topic.defaults.retention.ms", "7"}, {"data", "/var/lib/s"}})};
  t.replay({ConfigRecord{ConfigResource::broker, "", "topic.defaults.max.message.bytes", "9000"},
            ConfigRecord{ConfigResource::broker, "1", "topic.defaults.max.message.bytes", "8000"}});
  const auto result = describe(t, broker, "1", true);
  const auto& retention = config(result, "log.retention.ms");
  CHECK(retention.value == "7");
  CHECK(retention.source == wire::ConfigSource::static_broker);
  CHECK(retention.type == wire::ConfigType::int64);
  CHECK_FALSE(retention.read_only);
  CHECK(retention.documentation->find("topic.defaults.retention.ms") != std::string::npos);
  const auto& largest = config(result, "message.max.bytes");
  CHECK(largest.value == "8000");
  using Source = wire::ConfigSource;
  CHECK(largest.synonyms == std::vector<Described::Synonym>{
                                {"message.max.bytes", "8000", Source::dynamic_broker},
                                {"message.max.bytes", "9000", Source::dynamic_default_broker},
                                {"message.max.bytes", "1048588", Source::default_value}});
  for (const auto* name :
       {"log.segment.bytes", "log.cleanup.policy", "log.roll.ms", "log.roll.jitter.ms",
        "log.retention.bytes", "log.flush.interval.messages", "log.flush.interval.ms",
        "log.index.interval.bytes", "log.preallocate", "log.message.timestamp.type",
        "compression.type", "min.insync.replicas", "unclean.leader.election.enable",
        "log.segment.delete.delay.ms", "log.cleaner.min.cleanable.ratio", "num.partitions",
        "auto.create.topics.enable", "topic.defaults.flush.on.ack"}) {
    CHECK_FALSE(config(result, name).read_only);
    CHECK(config(result, name).value);
  }
  CHECK(config(result, "log.dirs").value == "/var/lib/s");
  CHECK(config(result, "log.dirs").source == wire::ConfigSource::static_broker);
  CHECK(config(result, "log.dirs").read_only);
  CHECK(config(result, "broker.id").value == "1");
  CHECK(config(result, "listeners").value == "PLAINTEXT://127.0.0.1:9092");
  CHECK(config(result, "advertised.listeners").value == "PLAINTEXT://127.0.0.1:9092");
  // Each once, and in order.
  for (std::size_t i = 1; i < result.configs.size(); ++i) {
    CHECK(result.configs[i - 1].name < result.configs[i].name);
  }
  CHECK(config(describe(t, broker, ""), "message.max.bytes").value == "9000");
}

TEST_CASE("DescribeConfigs: a broker config can be asked for by Kafka's name and by ours",
          "[handlers]") {
  AdminHarness t;
  using Keys = std::vector<std::string_view>;
  const wire::DescribeConfigsRequest request{
      .resources = {{.type = broker,
                     .name = "1",
                     .keys = Keys{"log.segment.bytes", "topic.defaults.retention.ms"}}}};
  const auto found = answer_describe_configs(t.image(), t.configs, request).results.at(0).configs;
  REQUIRE(found.size() == 2);
  CHECK(found[0].name == "topic.defaults.retention.ms");
  CHECK(found[1].name == "log.segment.bytes");
}

TEST_CASE("DescribeConfigs: what is not there is refused with Kafka's codes", "[handlers]") {
  AdminHarness t;
  CHECK(describe(t, topic, "none").error_code == Errc::unknown_topic_or_partition);
  CHECK(describe(t, topic, "a b").error_code == Errc::invalid_topic_exception);
  CHECK(describe(t, topic, "").error_code == Errc::invalid_topic_exception);
  CHECK(describe(t, broker, "2").error_code == Errc::invalid_request);
  CHECK(describe(t, broker, "01").error_code == Errc::invalid_request);
  CHECK(describe(t, broker_logger, "1").error_code == Errc::invalid_request);
}

TEST_CASE("DescribeConfigs: only asked keys are shown, and a resource once", "[handlers]") {
  AdminHarness t;
  t.create("a");
  using Keys = std::vector<std::string_view>;
  const wire::DescribeConfigsRequest request{
      .resources = {{.type = topic, .name = "a", .keys = Keys{"retention.ms", "no.such"}},
                    {.type = topic, .name = "a"},
                    {.type = broker, .name = "1", .keys = Keys{}}}};
  const auto response = answer_describe_configs(t.image(), t.configs, request);
  REQUIRE(response.results.size() == 2);
  REQUIRE(response.results[0].configs.size() == 1);
  CHECK(response.results[0].configs[0].name == "retention.ms");
  CHECK(response.results[1].configs.empty());
}

TEST_CASE("AlterConfigs: the overrides are replaced, each resource answered in order",
          "[handlers]") {
  AdminHarness t;
  t.create("a", 1, {{"retention.ms", "5"}});
  const wire::AlterConfigsRequest request{
      .resources = {{.type = topic, .name = "none"},
                    {.type = topic, .name = "a", .configs = {{"segment.ms", "9"}}},
                    {.type = client_metrics, .name = "x"}}};
  const auto decided = decide_alter_configs(t.controller, request);
  const auto& answers = decided.response.resources;
  REQUIRE(answers.size() == 3);
  CHECK(answers[0].error_code == Errc::unknown_topic_or_partition);
  CHECK(answers[0].error_message);
  CHECK(answers[1].error_code == Errc::ok);
  CHECK(!answers[1].error_message);
  CHECK(answers[1].name == "a");
  CHECK(answers[2].error_code == Errc::invalid_request);
  CHECK(answers[2].type == client_metrics);
  t.replay(decided.records);
  CHECK(t.image().topic("a")->configs == ConfigMap{{"segment.ms", "9"}});
}

TEST_CASE("IncrementalAlterConfigs: operations of the wire reach the controller", "[handlers]") {
  AdminHarness t;
  t.create("a", 1, {{"retention.ms", "5"}});
  using enum wire::ConfigOperation;
  wire::IncrementalAlterConfigsRequest request{
      .resources = {{.type = topic,
                     .name = "a",
                     .configs = {{"cleanup.policy", append, "compact"},
                                 {"retention.ms", wire::ConfigOperation::remove, std::nullopt},
                                 {"segment.ms", set, "9"}}}}};
  request.validate_only = true;
  CHECK(decide_incremental_alter_configs(t.controller, request).records.empty());
  request.validate_only = false;
  const auto decided = decide_incremental_alter_configs(t.controller, request);
  CHECK(decided.response.resources.at(0).error_code == Errc::ok);
  t.replay(decided.records);
  CHECK(t.image().topic("a")->configs ==
        ConfigMap{{"cleanup.policy", "delete,compact"}, {"segment.ms", "9"}});

  request.resources[0].configs = {{"segment.ms", static_cast<wire::ConfigOperation>(9), "1"}};
  CHECK(
      decide_incremental_alter_configs(t.controller, request).response.resources.at(0).error_code ==
      Errc::invalid_request);
}

TEST_CASE("IncrementalAlterConfigs: a broker's configs are changed under Kafka's names",
          "[handlers]") {
  AdminHarness t{settings_with({{"topic.defaults.cleanup.policy", "compact"}})};
  t.create("a");
  using enum wire::ConfigOperation;
  const auto decide = [&](std::string_view name, wire::ConfigOperation op,
                          std::optional<std::string_view> value) {
    const wire::IncrementalAlterConfigsRequest request{
        .resources = {{.type = broker, .name = "1", .configs = {{name, op, value}}}}};
    auto decided = decide_incremental_alter_configs(t.controller, request);
    t.replay(decided.records);
    return decided.response.resources.at(0);
  };
  CHECK(decide("log.retention.ms", set, "5").error_code == Errc::ok);
  CHECK(config(describe(t, topic, "a"), "retention.ms").value == "5");
  CHECK(config(describe(t, broker, "1"), "log.retention.ms").value == "5");
  CHECK(decide("topic.defaults.retention.ms", set, "6").error_code == Errc::ok);  // the same one
  CHECK(config(describe(t, broker, "1"), "log.retention.ms").value == "6");
  CHECK(decide("log.cleanup.policy", append, "delete").error_code == Errc::ok);
  CHECK(config(describe(t, topic, "a"), "cleanup.policy").value == "compact,delete");
  CHECK(decide("log.retention.ms", wire::ConfigOperation::remove, {}).error_code == Errc::ok);
  CHECK(config(describe(t, topic, "a"), "retention.ms").value == "604800000");

  const auto bad = decide("log.segment.bytes", set, "1");
  CHECK(bad.error_code == Errc::invalid_config);
  CHECK(bad.error_message->find("log.segment.bytes") != std::string::npos);
  CHECK(bad.error_message->find("topic.defaults") == std::string::npos);
  const auto fixed = decide("log.dirs", set, "/x");
  CHECK(fixed.error_code == Errc::invalid_config);
  CHECK(*fixed.error_message ==
        "log.dirs cannot be changed while the broker runs: set it in the settings file");
  CHECK(decide("retention.ms", set, "5").error_code == Errc::invalid_config);
  CHECK(decide("log.retention.hours", set, "5").error_code == Errc::invalid_config);
}

TEST_CASE("ListConfigResources: topics and brokers are listed, strangers refused", "[handlers]") {
  AdminHarness t;
  t.create("a");
  using Types = std::vector<wire::ConfigResourceType>;
  const auto count = [&](Types types, std::int16_t version) {
    return answer_list_config_resources(t.image(), {.types = std::move(types)}, version)
        .resources.size();
  };
  CHECK(count({}, 0) == 0);
  CHECK(count({}, 1) == 2);
  CHECK(count({topic}, 1) == 1);
  CHECK(count({client_metrics, group, broker_logger}, 1) == 0);
  const auto odd = answer_list_config_resources(
      t.image(), {.types = {static_cast<wire::ConfigResourceType>(77)}}, 1);
  CHECK(odd.error_code == Errc::unsupported_version);
  CHECK(odd.resources.empty());
}
