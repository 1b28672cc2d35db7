// DescribeConfigs (32): every config of a resource, defaults included, with where it comes from.
//
// Thread   pure function
#pragma once

#include "broker/handlers/common.h"
#include "broker/handlers/config_view.h"
#include "protocol/wire/messages/describe_configs.h"

namespace strandline {

// Topics, this broker (by its id) and the defaults of all brokers (by ""). A resource named twice
// is answered once.
wire::DescribeConfigsResponse answer_describe_configs(const MetadataImage& image,
                                                      const ConfigView& configs,
                                                      const wire::DescribeConfigsRequest& request);

}  // namespace strandline
