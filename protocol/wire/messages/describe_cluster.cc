#include "protocol/wire/messages/describe_cluster.h"

#include "protocol/wire/instantiate.h"

namespace strandline::wire {

STRANDLINE_WIRE_API(DescribeClusterRequest, DescribeClusterResponse)

}  // namespace strandline::wire
