// ListConfigResources (74): what DescribeConfigs can be asked for.
//
// Thread   pure function
#pragma once

#include <cstdint>

#include "broker/handlers/common.h"
#include "protocol/wire/messages/describe_configs.h"

namespace strandline {

// Errors   unsupported_version for a resource type that no Kafka has
wire::ListConfigResourcesResponse answer_list_config_resources(
    const MetadataImage& image, const wire::ListConfigResourcesRequest& request,
    std::int16_t version);

}  // namespace strandline
