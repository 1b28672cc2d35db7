#include "broker/handlers/incremental_alter_configs.h"

#include <utility>

#include "broker/handlers/alter_configs.h"

namespace strandline {

Decided<wire::IncrementalAlterConfigsResponse> decide_incremental_alter_configs(
    const Controller& controller, const wire::IncrementalAlterConfigsRequest& request) {
  AskedAlterations asked;
  for (const auto& resource : request.resources) {
    asked.add_resource(resource.type, resource.name);
    for (const auto& config : resource.configs) {
      asked.add_change(config.name, static_cast<std::int8_t>(config.operation), config.value);
    }
  }
  auto decision = controller.alter_configs_incrementally(asked.resources(), request.validate_only);
  return {.response = {.resources = asked.answers(decision.items)},
          .records = std::move(decision.records)};
}

}  // namespace strandline
