#include "broker/handlers/alter_configs.h"

#include <utility>

#include "broker/config/kafka_names.h"

namespace strandline {

Decided<wire::AlterConfigsResponse> decide_alter_configs(const Controller& controller,
                                                         const wire::AlterConfigsRequest& request) {
  AskedAlterations asked;
  for (const auto& resource : request.resources) {
    asked.add_resource(resource.type, resource.name);
    for (const auto& config : resource.configs) {
      asked.add_change(config.name, static_cast<std::int8_t>(ConfigOp::set), config.value);
    }
  }
  auto decision = controller.replace_configs(asked.resources(), request.validate_only);
  return {.response = {.resources = asked.answers(decision.items)},
          .records = std::move(decision.records)};
}

void AskedAlterations::add_resource(wire::ConfigResourceType type, std::string_view name) {
  resources_.push_back(
      {.resource_type = static_cast<std::int8_t>(type), .resource_name = std::string{name}});
  asked_names_.emplace_back();
}

void AskedAlterations::add_change(std::string_view name, std::int8_t op,
                                  std::optional<std::string_view> value) {
  ConfigAlteration& resource = resources_.back();
  ConfigChange change{.name = std::string{name}, .op = op};
  if (resource.resource_type == static_cast<std::int8_t>(ConfigResource::broker)) {
    change.name = broker_config_key(name);
    if (change.name != name) asked_names_.back()[change.name] = name;
  }
  if (value) change.value = std::string{*value};
  resource.changes.push_back(std::move(change));
}

std::vector<wire::AlteredResource> AskedAlterations::answers(
    std::span<const Outcome> outcomes) const {
  std::vector<wire::AlteredResource> answers;
  for (std::size_t i = 0; i < resources_.size(); ++i) {
    auto message = message_of(outcomes[i]);
    for (const auto& [key, name] : asked_names_[i]) {
      const auto at = message ? message->find(key) : std::string::npos;
      if (at != std::string::npos) message->replace(at, key.size(), name);
    }
    answers.push_back({.error_code = outcomes[i].code,
                       .error_message = std::move(message),
                       .type = static_cast<wire::ConfigResourceType>(resources_[i].resource_type),
                       .name = resources_[i].resource_name});
  }
  return answers;
}

}  // namespace strandline
