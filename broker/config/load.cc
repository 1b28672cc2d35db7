#include "broker/config/load.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace strandline {
namespace {

// The whole file, or what the system says against it.
std::variant<std::string, ErrorCode> read_file(const std::string& path) {
  constexpr std::size_t kReadMax = 2 * 1024 * 1024;  // more than apply_toml() accepts
  const auto failed = [] { return ErrorCode{errno, boost::system::system_category()}; };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::fopen(path.c_str(), "rbe"),
                                                             &std::fclose};
  if (!file) return failed();
  std::string text(kReadMax, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return failed();
  return text;
}

}  // namespace

LoadedSettings load_settings(const CommandLine& command_line) {
  LoadedSettings loaded;
  if (command_line.config_file) {
    const auto& path = *command_line.config_file;
    const auto content = read_file(path);
    if (const auto* text = std::get_if<std::string>(&content)) {
      loaded.problems = apply_toml(loaded.settings, *text, path);
    } else {
      loaded.problems.push_back(path + ": " + std::get<ErrorCode>(content).message());
    }
  }
  for (const auto& [key, value] : command_line.overrides) {
    if (const auto problem = set_setting(loaded.settings, key, value)) {
      loaded.problems.push_back("command line: " + *problem);
    }
  }
  if (loaded.problems.empty()) loaded.problems = check_together(loaded.settings);
  return loaded;
}

CommandLineExit check_config_report(const LoadedSettings& loaded) {
  std::string text;
  for (const auto& problem : loaded.problems) text += problem + "\n";
  if (!loaded.problems.empty()) return {std::move(text), true};
  const Settings defaults;
  for (const auto& def : setting_defs()) {
    const auto value = setting_text(loaded.settings, def);
    if (value != setting_text(defaults, def)) text += std::string{def.key} + " = " + value + "\n";
  }
  for (const auto& [key, value] : loaded.settings.topic_defaults)
    text += key + " = " + value + "\n";
  return {text + "The settings are fine.\n"};
}

}  // namespace strandline
