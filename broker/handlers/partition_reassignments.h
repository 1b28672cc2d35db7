// AlterPartitionReassignments (45) and ListPartitionReassignments (46).
//
// Thread   the controller's; answer_list_partition_reassignments() is a pure function
#pragma once

#include "broker/handlers/common.h"
#include "protocol/wire/messages/alter_partition_reassignments.h"
#include "protocol/wire/messages/list_partition_reassignments.h"

namespace strandline {

Decided<wire::AlterPartitionReassignmentsResponse> decide_alter_partition_reassignments(
    const Controller& controller, const wire::AlterPartitionReassignmentsRequest& request);

// Only those under way, also where others are asked for by name.
wire::ListPartitionReassignmentsResponse answer_list_partition_reassignments(
    const MetadataImage& image, const wire::ListPartitionReassignmentsRequest& request);

bool is_being_reassigned(const PartitionImage& partition);

}  // namespace strandline
