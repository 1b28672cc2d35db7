#include "protocol/wire/messages/describe_producers.h"

#include "protocol/wire/instantiate.h"

namespace strandline::wire {

STRANDLINE_WIRE_API(DescribeProducersRequest, DescribeProducersResponse)

}  // namespace strandline::wire
