#include "protocol/wire/messages/describe_topic_partitions.h"

#include "protocol/wire/instantiate.h"

namespace strandline::wire {

STRANDLINE_WIRE_API(DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse)

}  // namespace strandline::wire
