// The only file that sees CLI11.
#include <map>

#include <CLI/CLI.hpp>

#include "broker/config/load.h"

namespace strandline {
namespace {

// The options as CLI11 knows them, and where it puts their values.
struct Options {
  std::string data;
  std::string listen;
  std::string join;
  std::string config;
  std::string explain;
  std::vector<std::string> set;
  bool check_config = false;
  bool recover_lone_voter = false;
  bool accept_loss = false;
  bool version = false;
};

void describe(CLI::App& app, Options& options) {
  app.description(
      "strandlined: a log broker that any Apache Kafka client can use.\n"
      "Without arguments: one broker on 127.0.0.1:9092, its data in ./strandline-data.");
  app.add_option("--data", options.data, "Directory that holds everything the broker keeps")
      ->option_text("DIR");
  app.add_option("--listen", options.listen, "Where Kafka clients connect")
      ->option_text("HOST:PORT");
  app.add_option("--join", options.join,
                 "A broker of the cluster to join (its rpc address); for an empty data directory")
      ->option_text("HOST:PORT");
  app.add_option("--config", options.config, "Settings file (TOML)")->option_text("FILE");
  app.add_option("--set", options.set, "One setting; wins over the file, may be repeated")
      ->option_text("KEY=VALUE")
      ->allow_extra_args(false)
      ->take_all();
  app.add_option("--explain", options.explain, "Explain one setting, or all, and exit")
      ->option_text("[KEY]")
      ->expected(0, 1);
  app.add_flag("--check-config", options.check_config, "Check the settings, print them and exit");
  app.add_flag("--recover-lone-voter", options.recover_lone_voter,
               "With the majority of the cluster's voters gone for good: says what making this "
               "broker the only voter would give up, and exits");
  app.add_flag("--accept-loss", options.accept_loss, "With --recover-lone-voter: does it");
  app.add_flag("--version", options.version, "Print the version and exit");
}

// --set, --data and --listen in the order they came, so that the last one wins.
std::optional<std::string> read_overrides(const CLI::App& app, const Options& options,
                                          CommandLine& out) {
  std::size_t sets = 0;
  for (const auto* option : app.parse_order()) {
    const auto name = option->get_name();
    if (name == "--data") out.overrides.emplace_back("data", options.data);
    if (name == "--listen") out.overrides.emplace_back("kafka.listen", options.listen);
    if (name == "--join") out.overrides.emplace_back("cluster.join", options.join);
    if (name != "--set") continue;
    const auto& text = options.set.at(sets++);
    const auto equals = text.find('=');
    if (equals == std::string::npos) return "--set wants KEY=VALUE, not '" + text + "'";
    out.overrides.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return std::nullopt;
}

CommandLineExit explain(const CLI::App& app, const Options& options) {
  const bool has_key = !options.explain.empty() && app.count("--explain") > 0;
  auto explanation =
      explain_settings(has_key ? std::optional<std::string_view>{options.explain} : std::nullopt);
  return {std::move(explanation.text), !explanation.known};
}

}  // namespace

std::variant<CommandLine, CommandLineExit> parse_command_line(int argc, const char* const* argv,
                                                              std::string_view version) {
  CLI::App app{"", "strandlined"};
  Options options;
  describe(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return CommandLineExit{app.help()};
  } catch (const CLI::ParseError& error) {
    return CommandLineExit{std::string{"strandlined: "} + error.what() + "\nSee --help.\n", true};
  }
  if (options.version) return CommandLineExit{"strandlined " + std::string{version} + "\n"};
  if (app.count("--explain") > 0) return explain(app, options);

  CommandLine out;
  if (!options.config.empty()) out.config_file = options.config;
  out.check_config = options.check_config;
  out.recover_lone_voter = options.recover_lone_voter;
  out.accept_loss = options.accept_loss;
  if (out.accept_loss && !out.recover_lone_voter) {
    return CommandLineExit{
        "strandlined: --accept-loss goes with --recover-lone-voter\nSee --help.\n", true};
  }
  if (const auto problem = read_overrides(app, options, out)) {
    return CommandLineExit{"strandlined: " + *problem + "\nSee --help.\n", true};
  }
  return out;
}

}  // namespace strandline
