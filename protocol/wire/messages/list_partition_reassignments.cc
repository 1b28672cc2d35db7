#include "protocol/wire/messages/list_partition_reassignments.h"

#include "protocol/wire/instantiate.h"

namespace strandline::wire {

STRANDLINE_WIRE_API(ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse)

}  // namespace strandline::wire
