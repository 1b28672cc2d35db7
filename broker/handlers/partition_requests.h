// The smaller requests about partitions: ListOffsets, OffsetForLeaderEpoch, DeleteRecords,
// DescribeProducers.
//
// Thread   the connection's shard
#pragma once

#include "broker/handlers/call.h"

namespace strandline {

void handle_list_offsets(Call call);
void handle_offset_for_leader_epoch(Call call);
void handle_delete_records(Call call);
void handle_describe_producers(Call call);

}  // namespace strandline
