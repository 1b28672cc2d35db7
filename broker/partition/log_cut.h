// Cutting a log so that a crash at any moment leaves something that a start can go on from: the
// checkpoint never tells of more than the log has.
//
// Thread   any, while nobody else touches the log; waits for the disk
#pragma once

#include "protocol/base/result.h"
#include "storage/checkpoint/checkpoint.h"
#include "storage/log/partition_log.h"

namespace strandline {

// Drops what lies from `end` on, or with `restarts` everything, and begins at `end`.
//
// checkpoint   none: nobody keeps one
// Needs        as truncate_to() and restart_at(), but for the checkpoint
// Errors       any I/O code: the log is offline, or was not touched
Result<void> cut_durably(PartitionLog& log, Checkpoint* checkpoint, const PartitionKey& key,
                         Offset end, bool restarts);

}  // namespace strandline
