// --explain: what each setting is, from the one table.
#include "broker/config/settings.h"
#include "broker/config/units.h"
#include "replication/metadata/topic_config.h"

namespace strandline {
namespace {

constexpr std::size_t kWidth = 96;

// Words of `text` in lines of kWidth, each with four blanks in front.
std::string wrapped(std::string_view text) {
  std::string out;
  std::string line;
  const auto end_line = [&] {
    if (!line.empty()) out += "    " + line + "\n";
    line.clear();
  };
  while (!text.empty()) {
    const auto word = text.substr(0, std::min(text.find(' '), text.size()));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    if (line.size() + 1 + word.size() > kWidth) end_line();
    if (!line.empty()) line += ' ';
    line += word;
  }
  end_line();
  return out;
}

std::string_view kind_text(SettingKind kind) {
  switch (kind) {
    case SettingKind::boolean: return "true or false";
    case SettingKind::integer: return "number";
    case SettingKind::bytes: return "size (bytes, or with KiB, MiB, GiB)";
    case SettingKind::duration: return "time (milliseconds, or with ms, s, m, h, d)";
    case SettingKind::text: return "text";
    case SettingKind::optional_text: return "text or none";
    case SettingKind::address: return "host:port";
    case SettingKind::optional_address: return "host:port or none";
  }
  return "";
}

std::string shown(const SettingDef& def, std::int64_t value) {
  if (value == kNoRateLimit) return "no limit";
  if (def.kind == SettingKind::bytes) return bytes_text(value);
  if (def.kind == SettingKind::duration) return duration_text(value);
  return std::to_string(value);
}

std::string default_text(const SettingDef& def) {
  const auto text = setting_text(Settings{}, def);
  const bool is_amount = def.kind == SettingKind::bytes || def.kind == SettingKind::duration;
  if (is_amount) return shown(def, config_int(text));
  return text.empty() ? "none" : text;
}

std::string explain(const SettingDef& def) {
  std::string out{def.key};
  out += "\n    ";
  out += kind_text(def.kind);
  out += "; default " + default_text(def);
  const bool is_number = def.kind == SettingKind::integer || def.kind == SettingKind::bytes ||
                         def.kind == SettingKind::duration;
  if (is_number && def.max == kNoRateLimit) {
    out += "; at least " + shown(def, def.min);
  } else if (is_number) {
    out += "; from " + shown(def, def.min) + " to " + shown(def, def.max);
  }
  if (!def.choices.empty()) out += "; one of " + std::string{def.choices};
  out += def.live ? "; may be changed while running\n" : "; read at start\n";
  return out + wrapped(def.explanation);
}

std::string explain(const ConfigDef& def) {
  std::string out = std::string{kTopicDefaultsPrefix} + def.name + "\n    default " +
                    (def.default_value.empty() ? "none" : def.default_value);
  if (const auto range = allowed_range(def); !range.empty()) out += "; " + range;
  return out + "; may be changed while running\n" +
         wrapped("Default for topics without their own. " + def.documentation);
}

std::string explain_all() {
  std::string out;
  for (const auto& def : setting_defs()) out += explain(def) + "\n";
  out += "topic.defaults.*\n";
  std::string names;
  for (const auto& def : topic_config_defs()) names += (names.empty() ? "" : ", ") + def.name;
  return out + wrapped(
                   "Defaults of topic configs, under the topic config's name; a topic's own "
                   "value wins. Explained one by one by --explain topic.defaults.NAME: " +
                   names + ".");
}

}  // namespace

Explanation explain_settings(std::optional<std::string_view> key) {
  if (!key) return {explain_all()};
  if (const auto* def = find_setting(*key)) return {explain(*def)};
  auto topic_name = *key;
  if (topic_name.starts_with(kTopicDefaultsPrefix)) {
    topic_name.remove_prefix(kTopicDefaultsPrefix.size());
  }
  if (const auto* def = find_topic_config(topic_name)) return {explain(*def)};
  Settings scratch;
  return {set_setting(scratch, *key, "").value_or("") + "\n", false};
}

}  // namespace strandline
