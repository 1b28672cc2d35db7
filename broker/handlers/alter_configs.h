// AlterConfigs (33), which replaces all overrides of a resource.
//
// Thread   the controller's
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/handlers/common.h"
#include "protocol/wire/messages/alter_configs.h"

namespace strandline {

Decided<wire::AlterConfigsResponse> decide_alter_configs(const Controller& controller,
                                                         const wire::AlterConfigsRequest& request);

// The changes a request asks for. A broker's configs have names of Kafka's on the wire and keys of
// ours in the metadata.
class AskedAlterations {
 public:
  void add_resource(wire::ConfigResourceType type, std::string_view name);
  // Of the resource added last.
  void add_change(std::string_view name, std::int8_t op, std::optional<std::string_view> value);

  const std::vector<ConfigAlteration>& resources() const { return resources_; }

  // One answer a resource, in the order of the request; refusals name configs as they were asked.
  std::vector<wire::AlteredResource> answers(std::span<const Outcome> outcomes) const;

 private:
  std::vector<ConfigAlteration> resources_;
  std::vector<std::map<std::string, std::string>> asked_names_;  // by key, of each resource
};

}  // namespace strandline
