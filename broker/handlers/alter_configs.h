// AlterConfigs (33), which replaces all overrides of a resource.
//
// Thread   the controller's
#pragma once

#include "broker/handlers/common.h"
#include "protocol/wire/messages/alter_configs.h"

namespace strandline {

Decided<wire::AlterConfigsResponse> decide_alter_configs(const Controller& controller,
                                                         const wire::AlterConfigsRequest& request);

// One answer a resource, in the order of the request.
std::vector<wire::AlteredResource> altered_resources(std::span<const ConfigAlteration> asked,
                                                     std::span<const Outcome> outcomes);

}  // namespace strandline
