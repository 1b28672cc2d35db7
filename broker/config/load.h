// Settings from their sources: a TOML file and the command line.
//
// Thread   any; load_settings() reads a file and waits for it
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "broker/config/settings.h"

namespace strandline {

// Adds the settings of a TOML text to `settings`.
//
// name     of the file, for messages
// Returns  all problems, each with "name:line:" in front; what was fine has been set
std::vector<std::string> apply_toml(Settings& settings, std::string_view text,
                                    std::string_view name);

// What the command line asks the daemon to do.
struct CommandLine {
  std::optional<std::string> config_file;
  std::vector<std::pair<std::string, std::string>> overrides;  // --set, --data, --listen, in order
  bool check_config = false;
  // Make this data directory's broker the only voter: says what is given up, does it with
  // accept_loss.
  bool recover_lone_voter = false;
  bool accept_loss = false;
};

// The command line is dealt with: print `text` (to stderr if `failed`) and exit.
struct CommandLineExit {
  std::string text;
  bool failed = false;
};

// --help, --version, --explain and everything malformed end here.
std::variant<CommandLine, CommandLineExit> parse_command_line(int argc, const char* const* argv,
                                                              std::string_view version);

struct LoadedSettings {
  Settings settings;
  std::vector<std::string> problems;  // empty: good to start with
};

// Reads the file if one is named, then lays the overrides over it, then checks all together.
LoadedSettings load_settings(const CommandLine& command_line);

// What --check-config prints: every setting that differs from its default, or the problems.
CommandLineExit check_config_report(const LoadedSettings& loaded);

}  // namespace strandline
