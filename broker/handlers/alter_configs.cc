#include "broker/handlers/alter_configs.h"

#include <utility>

namespace strandline {

Decided<wire::AlterConfigsResponse> decide_alter_configs(const Controller& controller,
                                                         const wire::AlterConfigsRequest& request) {
  std::vector<ConfigAlteration> asked;
  for (const auto& resource : request.resources) {
    ConfigAlteration alteration{.resource_type = static_cast<std::int8_t>(resource.type),
                                .resource_name = std::string{resource.name}};
    for (const auto& config : resource.configs) {
      ConfigChange change{.name = std::string{config.name},
                          .op = static_cast<std::int8_t>(ConfigOp::set)};
      if (config.value) change.value = std::string{*config.value};
      alteration.changes.push_back(std::move(change));
    }
    asked.push_back(std::move(alteration));
  }
  auto decision = controller.replace_configs(asked, request.validate_only);
  return {.response = {.resources = altered_resources(asked, decision.items)},
          .records = std::move(decision.records)};
}

std::vector<wire::AlteredResource> altered_resources(std::span<const ConfigAlteration> asked,
                                                     std::span<const Outcome> outcomes) {
  std::vector<wire::AlteredResource> resources;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    resources.push_back({.error_code = outcomes[i].code,
                         .error_message = message_of(outcomes[i]),
                         .type = static_cast<wire::ConfigResourceType>(asked[i].resource_type),
                         .name = asked[i].resource_name});
  }
  return resources;
}

}  // namespace strandline
