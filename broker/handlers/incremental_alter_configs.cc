#include "broker/handlers/incremental_alter_configs.h"

#include <utility>

#include "broker/handlers/alter_configs.h"

namespace strandline {

Decided<wire::IncrementalAlterConfigsResponse> decide_incremental_alter_configs(
    const Controller& controller, const wire::IncrementalAlterConfigsRequest& request) {
  std::vector<ConfigAlteration> asked;
  for (const auto& resource : request.resources) {
    ConfigAlteration alteration{.resource_type = static_cast<std::int8_t>(resource.type),
                                .resource_name = std::string{resource.name}};
    for (const auto& config : resource.configs) {
      ConfigChange change{.name = std::string{config.name},
                          .op = static_cast<std::int8_t>(config.operation)};
      if (config.value) change.value = std::string{*config.value};
      alteration.changes.push_back(std::move(change));
    }
    asked.push_back(std::move(alteration));
  }
  auto decision = controller.alter_configs_incrementally(asked, request.validate_only);
  return {.response = {.resources = altered_resources(asked, decision.items)},
          .records = std::move(decision.records)};
}

}  // namespace strandline
