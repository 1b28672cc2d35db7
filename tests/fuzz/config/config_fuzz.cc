// Arbitrary bytes as a settings file, and its lines as --set key=value.
#include <string>

#include "broker/config/load.h"
#include "protocol/base/assertion.h"

namespace {

using namespace strandline;

// Whatever was accepted is written in a form that is accepted again and means the same.
void check_round_trip(const Settings& settings) {
  Settings again;
  for (const auto& def : setting_defs()) {
    const auto problem = set_setting(again, def.key, setting_text(settings, def));
    STRANDLINE_ASSERT(!problem);
    STRANDLINE_ASSERT(setting_text(again, def) == setting_text(settings, def));
  }
  for (const auto& [key, value] : settings.topic_defaults) {
    STRANDLINE_ASSERT(!set_setting(again, key, value));
  }
  STRANDLINE_ASSERT(again.topic_defaults == settings.topic_defaults);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  constexpr std::size_t kProblemsMax = 20;
  const std::string text(reinterpret_cast<const char*>(data), size);
  Settings from_file;
  STRANDLINE_ASSERT(apply_toml(from_file, text, "f").size() <= kProblemsMax);
  check_round_trip(from_file);
  (void)check_together(from_file);

  Settings from_line;
  constexpr int kLinesMax = 20;  // more of them find nothing more, slowly
  int lines = 0;
  for (std::size_t at = 0; at < text.size() && lines < kLinesMax; ++lines) {
    const auto end = std::min(text.find('\n', at), text.size());
    const auto line = text.substr(at, end - at);
    at = end + 1;
    const auto equals = line.find('=');
    if (equals == std::string::npos) continue;
    (void)set_setting(from_line, line.substr(0, equals), line.substr(equals + 1));
  }
  check_round_trip(from_line);
  return 0;
}
