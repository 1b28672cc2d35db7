#include "protocol/wire/messages/alter_partition_reassignments.h"

#include "protocol/wire/instantiate.h"

namespace strandline::wire {

STRANDLINE_WIRE_API(AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse)

}  // namespace strandline::wire
