#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>

#include "broker/config/load.h"

using namespace strandline;

namespace {

struct Applied {
  Settings settings;
  std::vector<std::string> problems;
};

Applied apply(std::string_view text) {
  Applied out;
  out.problems = apply_toml(out.settings, text, "s.toml");
  return out;
}

std::vector<std::string> problems(std::string_view text) { return apply(text).problems; }

}  // namespace

TEST_CASE("TOML: dotted keys and tables are the same", "[config]") {
  const auto dotted = apply("memory.budget = \"1GiB\"\ntopic.defaults.retention.ms = 5\n");
  const auto tables =
      apply("[memory]\nbudget = 1073741824\n[topic.defaults]\nretention.ms = \"5ms\"\n");
  CHECK(dotted.problems.empty());
  CHECK(tables.problems.empty());
  CHECK(dotted.settings.memory_budget_bytes == std::int64_t{1} << 30);
  CHECK(dotted.settings == tables.settings);
}

TEST_CASE("TOML: every kind of value is read", "[config]") {
  const auto applied = apply(R"(
auto.create.topics.enable = false
num.partitions = 4
[kafka]
listen = "0.0.0.0:9092"
[topic.defaults]
cleanup.policy = ["compact", "delete"]
min.cleanable.dirty.ratio = 0.25
)");
  CHECK(applied.problems.empty());
  CHECK(!applied.settings.auto_create_topics_enable);
  CHECK(applied.settings.num_partitions == 4);
  CHECK(applied.settings.kafka_listen == HostPort{"0.0.0.0", 9092});
  CHECK(applied.settings.topic_defaults.at("topic.defaults.cleanup.policy") == "compact,delete");
  CHECK(applied.settings.topic_defaults.at("topic.defaults.min.cleanable.dirty.ratio") == "0.25");
}

TEST_CASE("TOML: each problem names file and line, and all are told", "[config]") {
  const auto found = problems("\nmemory.buget = 1\nshards = 999\nnode.id = 2\n");
  REQUIRE(found.size() == 2);
  CHECK(std::find(found.begin(), found.end(),
                  "s.toml:2: unknown setting 'memory.buget'; did you mean 'memory.budget'?") !=
        found.end());
  CHECK(std::find(found.begin(), found.end(),
                  "s.toml:3: shards = '999' is not valid: it must be between 0 and 256") !=
        found.end());
}

TEST_CASE("TOML: what is no settings file is refused in one line each", "[config]") {
  const auto first = [](std::string_view text) {
    const auto found = problems(text);
    return found.empty() ? std::string{"fine"} : found.front();
  };
  for (const auto* odd :
       {"[!]\n", "[=]", "[.a]", "[\x03", "[[ ", "[", "= 1", "\xff = 1", "a\x01 = 1"}) {
    CHECK(first(odd).starts_with("s.toml:1: not TOML: "));
  }
  CHECK(first("shards = \n").starts_with("s.toml:1: not TOML: "));
  CHECK(first("shards = 1\nshards = 2\n").starts_with("s.toml:2: not TOML: "));
  CHECK(first("node.id = 1\n\"node.id\" = 2\n").ends_with("node.id is set twice"));
  CHECK(first("data = 1979-05-27\n").starts_with("s.toml:1: data: a setting is"));
  CHECK(first("data = [1]\n").starts_with("s.toml:1: data: a setting is"));
  CHECK(first("[shards]\nx = 1\n").starts_with("s.toml:2: unknown setting 'shards.x'"));
  CHECK(first("a" + std::string(100, '.') + "b = 1").ends_with("more than 64 dots in one line"));
  CHECK(first(std::string(1024 * 1024 + 1, '#')).ends_with("1048576 bytes at most"));
  std::string nested = "data = ";
  for (int i = 0; i < 40; ++i) nested += "[";
  CHECK(first(nested).starts_with("s.toml:1: not TOML: "));
}

TEST_CASE("TOML: letters beyond ASCII are fine in texts and comments, and an error elsewhere",
          "[config]") {
  const auto applied = apply("data = \"/srv/\u00e4\u0214\"  # \u00e4\u0214\n");
  CHECK(applied.problems.empty());
  CHECK(applied.settings.data == "/srv/\u00e4\u0214");
  for (const auto* odd : {"\u0214 = 1\n", "data = \u00e4\n", "node.id = 1\u0214\n", "[\u00e4]\n"}) {
    const auto found = problems(odd);
    REQUIRE(found.size() == 1);
    CHECK(found[0].starts_with("s.toml:1: not TOML: "));
  }
}

TEST_CASE("TOML: a flood of problems is cut off", "[config]") {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "unknown" + std::to_string(i) + " = 1\n";
  CHECK(problems(text).size() == 20);
}

TEST_CASE("load_settings: the command line wins over the file", "[config]") {
  char path[] = "/tmp/strandline-config-XXXXXX";
  const int fd = mkstemp(path);
  REQUIRE(fd >= 0);
  const std::string_view text = "node.id = 5\nshards = 3\n";
  REQUIRE(write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  close(fd);
  const auto loaded = load_settings({.config_file = path, .overrides = {{"shards", "2"}}});
  std::remove(path);
  CHECK(loaded.problems.empty());
  CHECK(loaded.settings.node_id == 5);
  CHECK(loaded.settings.shards == 2);
}

TEST_CASE("load_settings: a missing file and a bad override are told", "[config]") {
  const auto loaded =
      load_settings({.config_file = "/nonexistent/x.toml", .overrides = {{"shards", "x"}}});
  REQUIRE(loaded.problems.size() == 2);
  CHECK(loaded.problems[0] == "/nonexistent/x.toml: No such file or directory");
  CHECK(loaded.problems[1].starts_with("command line: shards = 'x'"));
}
