#include "protocol/wire/messages/describe_configs.h"

#include "protocol/wire/instantiate.h"

namespace strandline::wire {

STRANDLINE_WIRE_API(DescribeConfigsRequest, DescribeConfigsResponse)
STRANDLINE_WIRE_API(ListConfigResourcesRequest, ListConfigResourcesResponse)

}  // namespace strandline::wire
