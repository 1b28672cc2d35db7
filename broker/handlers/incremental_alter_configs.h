// IncrementalAlterConfigs (44), which changes the overrides it names.
//
// Thread   the controller's
#pragma once

#include "broker/handlers/common.h"
#include "protocol/wire/messages/alter_configs.h"

namespace strandline {

Decided<wire::IncrementalAlterConfigsResponse> decide_incremental_alter_configs(
    const Controller& controller, const wire::IncrementalAlterConfigsRequest& request);

}  // namespace strandline
