#include "broker/config/live_settings.h"

#include <string>
#include <vector>

#include "protocol/base/assertion.h"

namespace strandline {

std::int64_t live_number(const Settings& settings, const MetadataImage& image,
                         std::string_view key) {
  static const std::vector<ConfigDef> defs = broker_config_defs();
  const ConfigDef* def = find_config(defs, key);
  STRANDLINE_ASSERT(def != nullptr);
  // One that a newer broker wrote and that is none here does not take effect, as ConfigView shows.
  for (const std::string& resource : {std::to_string(settings.node_id), std::string{}}) {
    const ConfigMap& overrides = image.broker_overrides(resource);
    const auto found = overrides.find(key);
    if (found == overrides.end()) continue;
    const ConfigCheck check = check_config_value(*def, found->second);
    if (!check.error) return config_int(check.canonical);
  }
  return config_int(setting_text(settings, *find_setting(key)));
}

}  // namespace strandline
