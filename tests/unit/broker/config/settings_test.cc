#include "broker/config/settings.h"

#include <catch2/catch.hpp>
#include <set>

#include "broker/config/kafka_names.h"
#include "replication/metadata/topic_config.h"

using namespace strandline;

namespace {

std::string problem(std::string_view key, std::string_view value) {
  Settings settings;
  return set_setting(settings, key, value).value_or("fine");
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("Settings: there are fewer than sixty, and their keys fit one TOML file", "[config]") {
  std::set<std::string> keys{"topic.defaults"};
  for (const auto& def : setting_defs()) CHECK(keys.insert(std::string{def.key}).second);
  CHECK(keys.size() < 60);
  for (const auto& key : keys) {
    for (auto dot = key.find('.'); dot != std::string::npos; dot = key.find('.', dot + 1)) {
      CHECK(!keys.contains(key.substr(0, dot)));  // a table and a value under one name
    }
  }
}

TEST_CASE("Settings: every default is a value the setting accepts", "[config]") {
  for (const auto& def : setting_defs()) {
    Settings settings;
    INFO(def.key);
    CHECK(!set_setting(settings, def.key, setting_text(Settings{}, def)));
    CHECK(setting_text(settings, def) == setting_text(Settings{}, def));
    CHECK(settings.given == std::vector<std::string>{std::string{def.key}});
    CHECK(def.explanation.size() > 20);
  }
  CHECK(check_together(Settings{}).empty());
}

TEST_CASE("Settings: each kind is read in its own way", "[config]") {
  Settings s;
  CHECK(!set_setting(s, "memory.budget", "2GiB"));
  CHECK(s.memory_budget_bytes == std::int64_t{2} << 30);
  CHECK(!set_setting(s, "disk.stall.ms", "2s"));
  CHECK(s.disk_stall_ms == 2000);
  CHECK(!set_setting(s, "auto.create.topics.enable", "false"));
  CHECK(!s.auto_create_topics_enable);
  CHECK(!set_setting(s, "kafka.listen", "[::]:19092"));
  CHECK(s.kafka_listen == HostPort{"::", 19092});
  CHECK(!set_setting(s, "http.listen", "none"));
  CHECK(s.http_listen.is_none());
  CHECK(!set_setting(s, "log.level", "debug"));
  CHECK(s.log_level == "debug");
  CHECK(!set_setting(s, "topic.defaults.retention.ms", "3d"));
  CHECK(!set_setting(s, "topic.defaults.cleanup.policy", "compact , delete"));
  CHECK(s.topic_defaults == ConfigMap{{"topic.defaults.cleanup.policy", "compact,delete"},
                                      {"topic.defaults.retention.ms", "259200000"}});
}

TEST_CASE("Settings: a bad value is refused with what is allowed, and changes nothing",
          "[config]") {
  CHECK(problem("shards", "many") == "shards = 'many' is not valid: it must be between 0 and 256");
  CHECK(problem("memory.budget", "1MiB") ==
        "memory.budget = '1MiB' is not valid: it must be between 64MiB and 1048576TiB, as bytes or "
        "with a unit such as 64MiB");
  CHECK(contains(problem("disk.stall.ms", "0"), "between 1ms and 36500d"));
  CHECK(contains(problem("kafka.listen", "9092"), "host:port"));
  CHECK(contains(problem("kafka.listen", "none"), "host:port"));
  CHECK(contains(problem("http.listen", "9092"), "or none"));
  CHECK(contains(problem("log.level", "loud"), "one of trace, debug, info, warning, error"));
  CHECK(contains(problem("auto.create.topics.enable", "1"), "true or false"));
  CHECK(contains(problem("data", ""), "not empty"));
  CHECK(contains(problem("node.id", "2147483648"), "between 0 and 2147483647"));
  CHECK(contains(problem("topic.defaults.segment.ms", "0"), "at least 1"));
  Settings settings;
  CHECK(set_setting(settings, "shards", "-1"));
  CHECK(settings == Settings{});
}

TEST_CASE("Settings: an unknown name is answered with the nearest, or with Kafka's here",
          "[config]") {
  CHECK(problem("memory.buget", "1") ==
        "unknown setting 'memory.buget'; did you mean 'memory.budget'?");
  CHECK(
      problem("topic.defaults.retention.m", "1") ==
      "unknown setting 'topic.defaults.retention.m'; did you mean 'topic.defaults.retention.ms'?");
  CHECK(problem("log.retention.ms", "1") ==
        "unknown setting 'log.retention.ms'; what Kafka calls so is 'topic.defaults.retention.ms' "
        "here");
  CHECK(contains(problem("message.max.bytes", "1"), "'topic.defaults.max.message.bytes'"));
  CHECK(contains(problem("log.dirs", "/x"), "'data'"));
  CHECK(contains(problem("retention.ms", "1"), "'topic.defaults.retention.ms'"));
  CHECK(contains(problem("zookeeper.connect", "1"), "--explain lists all"));
  CHECK(contains(problem("", ""), "unknown setting ''"));
}

TEST_CASE("Settings: every pointer from a Kafka name leads to a setting that exists", "[config]") {
  for (const auto* name :
       {"listeners", "advertised.listeners", "broker.id", "log.dir", "log.dirs", "num.io.threads",
        "num.network.threads", "log.roll.ms", "log.segment.bytes",
        "log.cleaner.min.cleanable.ratio", "log.flush.interval.ms", "log.index.size.max.bytes",
        "compression.type", "log.retention.bytes"}) {
    const auto ours = name_of_kafka_setting(name);
    INFO(name);
    REQUIRE(!ours.empty());
    auto topic_name = std::string_view{ours};
    if (topic_name.starts_with(kTopicDefaultsPrefix)) {
      topic_name.remove_prefix(kTopicDefaultsPrefix.size());
      CHECK(find_topic_config(topic_name) != nullptr);
    } else {
      CHECK(find_setting(ours) != nullptr);
    }
  }
}

TEST_CASE("Settings: the name a broker config is shown under leads back to it, and is its own",
          "[config]") {
  std::set<std::string> shown;
  for (const auto& def : broker_config_defs()) {
    const auto name = shown_config_name(def.name);
    INFO(def.name << " as " << name);
    CHECK(shown.insert(name).second);
    CHECK(broker_config_key(name) == def.name);
    CHECK(broker_config_key(def.name) == def.name);
  }
  for (const auto& alias : kafka_aliases()) {
    CHECK(shown.insert(std::string{alias.kafka}).second);
    CHECK(broker_config_key(alias.kafka) == alias.ours);
  }
  CHECK(broker_config_key("retention.ms") == "retention.ms");
  CHECK(broker_config_key("no.such") == "no.such");
}

TEST_CASE("Settings: values that contradict each other are found", "[config]") {
  const auto problems = [](auto change) {
    Settings settings;
    change(settings);
    return check_together(settings).size();
  };
  CHECK(problems([](Settings& s) { s.socket_request_max_bytes = s.memory_budget_bytes + 1; }) == 1);
  CHECK(problems([](Settings& s) { s.connection_memory_max_bytes = s.memory_budget_bytes + 1; }) ==
        1);
  CHECK(problems([](Settings& s) {
          s.disk_watermark_stop_bytes = s.disk_watermark_refuse_bytes + 1;
        }) == 1);
  CHECK(problems([](Settings& s) { s.http_listen = s.kafka_listen; }) == 1);
  CHECK(problems([](Settings& s) { s.kafka_listen.port = s.http_listen.port = 0; }) == 0);
  CHECK(problems([](Settings& s) { s.kafka_advertise = {"0.0.0.0", 9092}; }) == 1);
  CHECK(problems([](Settings& s) { s.kafka_advertise = {"host", 0}; }) == 1);
  CHECK(problems([](Settings& s) {
          s.topic_defaults["topic.defaults.max.compaction.lag.ms"] = "1";
          s.topic_defaults["topic.defaults.min.compaction.lag.ms"] = "2";
        }) == 1);
}

TEST_CASE("Settings: what DescribeConfigs sees is sorted, typed and complete", "[config]") {
  const auto defs = broker_config_defs();
  CHECK(std::is_sorted(defs.begin(), defs.end(),
                       [](const auto& a, const auto& b) { return a.name < b.name; }));
  CHECK(defs.size() == setting_defs().size() + topic_config_defs().size());
  CHECK(find_config(defs, "num.partitions")->type == ConfigType::int32);
  CHECK(find_config(defs, "num.partitions")->dynamic);
  CHECK(!find_config(defs, "node.id")->dynamic);
  CHECK(find_config(defs, "topic.defaults.retention.ms")->default_value == "604800000");
  for (const auto& def : defs) {
    if (!def.default_value.empty()) CHECK(!check_config_value(def, def.default_value).error);
  }
  Settings settings;
  REQUIRE(!set_setting(settings, "topic.defaults.retention.ms", "1"));
  const auto configs = settings_as_configs(settings);
  CHECK(configs.at("memory.budget") == "536870912");
  CHECK(configs.at("topic.defaults.retention.ms") == "1");
}

TEST_CASE("Settings: each is explained, and a slip is corrected", "[config]") {
  const auto all = explain_settings(std::nullopt);
  CHECK(all.known);
  for (const auto& def : setting_defs()) CHECK(contains(all.text, def.key));
  const auto one = explain_settings("disk.stall.ms");
  CHECK(one.known);
  CHECK(contains(one.text, "default 1s"));
  CHECK(explain_settings("topic.defaults.retention.ms").known);
  CHECK(explain_settings("retention.ms").known);
  const auto slip = explain_settings("disk.stal.ms");
  CHECK(!slip.known);
  CHECK(contains(slip.text, "did you mean 'disk.stall.ms'?"));
  for (std::size_t at = 0; at < all.text.size();) {
    const auto end = all.text.find('\n', at);
    CHECK(end - at <= 110);
    at = end + 1;
  }
}
