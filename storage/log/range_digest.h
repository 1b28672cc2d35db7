// Digests of ranges of offsets, by which replicas compare what lies on their disks. A range is of
// whole batches, and these are the same bytes on every replica, wherever its segments begin.
//
// It is the disk that is judged: what the page cache has of the range is dropped before.
//
// Thread   digest_range(): any. plan_digest(): the log's owner
#pragma once

#include <cstdint>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/base/result.h"
#include "storage/log/partition_log.h"
#include "storage/log/read_plan.h"

namespace strandline {

struct DigestedRange {
  Offset start;             // of the first batch
  Offset end;               // behind the last
  std::uint64_t bytes = 0;  // 0: there was no whole batch
  std::uint64_t xxh3 = 0;   // of the batches, one behind the other
};

// Where to read to digest about so many bytes from `from` on, and nothing at or beyond `end`.
//
// Needs    log start <= from <= end <= log end
std::vector<ReadPlan> plan_digest(const PartitionLog& log, Offset from, Offset end,
                                  std::uint64_t bytes_max);

// Reads the batches that begin at or behind where the plan does and end at or before its end: as
// many as it takes to reach `bytes_max`. Each is checked: its checksum, and that offsets and epochs
// join up. Waits for the disk.
//
// Errors   corrupt_batch   damage, which was reported
//          any I/O code
Result<DigestedRange> digest_range(const std::vector<ReadPlan>& plan, std::uint64_t bytes_max);

}  // namespace strandline
