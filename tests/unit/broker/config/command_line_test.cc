#include <catch2/catch.hpp>

#include "broker/config/load.h"

using namespace strandline;

namespace {

std::variant<CommandLine, CommandLineExit> parse(std::vector<const char*> args) {
  args.insert(args.begin(), "strandlined");
  return parse_command_line(static_cast<int>(args.size()), args.data(), "1.2.3");
}

CommandLine parsed(std::vector<const char*> args) {
  auto result = parse(std::move(args));
  REQUIRE(std::holds_alternative<CommandLine>(result));
  return std::get<CommandLine>(result);
}

CommandLineExit ended(std::vector<const char*> args) {
  auto result = parse(std::move(args));
  REQUIRE(std::holds_alternative<CommandLineExit>(result));
  return std::get<CommandLineExit>(result);
}

using Overrides = std::vector<std::pair<std::string, std::string>>;

}  // namespace

TEST_CASE("Command line: nothing at all is a broker with the defaults", "[config]") {
  const auto loaded = load_settings(parsed({}));
  CHECK(loaded.problems.empty());
  CHECK(loaded.settings == Settings{});
  CHECK(to_text(loaded.settings.kafka_listen) == "127.0.0.1:9092");
  CHECK(loaded.settings.data == "./strandline-data");
}

TEST_CASE("Command line: settings keep the order they came in", "[config]") {
  const auto line = parsed({"--set", "data=/a", "--data", "/b", "--listen", "h:1", "--set",
                            "kafka.listen=h:2", "--set", "topic.defaults.x=a=b"});
  CHECK(line.overrides == Overrides{{"data", "/a"},
                                    {"data", "/b"},
                                    {"kafka.listen", "h:1"},
                                    {"kafka.listen", "h:2"},
                                    {"topic.defaults.x", "a=b"}});
}

TEST_CASE("Command line: file and check are passed on", "[config]") {
  const auto line = parsed({"--config", "x.toml", "--check-config"});
  CHECK(line.config_file == "x.toml");
  CHECK(line.check_config);
  CHECK(!parsed({}).check_config);
}

TEST_CASE("Command line: help, version and explanations end it well", "[config]") {
  CHECK(ended({"--version"}).text == "strandlined 1.2.3\n");
  CHECK(ended({"--help"}).text.find("--set KEY=VALUE") != std::string::npos);
  CHECK(!ended({"--help"}).failed);
  CHECK(ended({"--explain"}).text.find("memory.budget") != std::string::npos);
  const auto one = ended({"--explain", "shards"});
  CHECK(one.text.starts_with("shards\n"));
  CHECK(one.text.find("memory.budget") == std::string::npos);
  CHECK(ended({"--explain", "shrads"}).failed);
}

TEST_CASE("Command line: what it does not understand ends it with a hint", "[config]") {
  for (const auto& args : std::vector<std::vector<const char*>>{{"--no-such"},
                                                                {"stray"},
                                                                {"--data"},
                                                                {"--set"},
                                                                {"--set", "novalue"},
                                                                {"--set", "a=1", "b=2"}}) {
    const auto end = ended(args);
    CHECK(end.failed);
    CHECK(end.text.starts_with("strandlined: "));
    CHECK(end.text.find("See --help.") != std::string::npos);
  }
}

TEST_CASE("Command line: --check-config tells what differs or what is wrong", "[config]") {
  const auto report = [](Overrides overrides) {
    return check_config_report(load_settings({.overrides = std::move(overrides)}));
  };
  const auto fine = report({{"shards", "2"}, {"topic.defaults.retention.ms", "1s"}});
  CHECK(!fine.failed);
  CHECK(fine.text == "shards = 2\ntopic.defaults.retention.ms = 1000\nThe settings are fine.\n");
  const auto wrong = report({{"shards", "x"}});
  CHECK(wrong.failed);
  CHECK(wrong.text.starts_with("command line: shards"));
  CHECK(report({{"http.listen", "127.0.0.1:9092"}}).failed);
}
