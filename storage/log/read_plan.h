// Reading in two steps: the owner of a log plans from memory, and any thread carries the plan out.
//
// What is handed out was checked since it was last read from the disk: every checksum, and that
// offsets and epochs join up with what lies before.
//
// Thread   execute() and the look-ups: any
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "protocol/base/clock.h"
#include "protocol/base/ids.h"
#include "protocol/base/result.h"
#include "storage/log/epoch_cache.h"
#include "storage/log/log_types.h"
#include "storage/log/segment.h"

namespace strandline {

// From which segment, which offsets. Made by PartitionLog::plan_read(); good for as long as it is
// kept, also while the log goes on.
struct ReadPlan {
  std::shared_ptr<Segment> segment;  // none: there is nothing to read
  Offset from{};
  Offset end{};                // no batch that ends beyond it
  std::uint64_t file_end = 0;  // of the segment when the plan was made
  Offset file_end_offset{};    // the offset after the last batch before file_end
  std::uint64_t bytes_max = 0;
  bool at_least_one = false;
  std::shared_ptr<const EpochStarts> epochs;  // of the log
};

// Finds whole batches from the one that holds `from` on, checks those that were not checked since
// they were last read from disk, and says where they lie.
//
// Errors   would_block     in nowait mode: index or bytes are not in memory, or not checked
//          corrupt_batch   the first wanted batch is damaged; it was reported, nothing is given
//          any I/O code
Result<ReadResult> execute(const ReadPlan& plan, ReadMode mode);

// Segments to look through for a time, oldest first.
struct TimePlan {
  std::vector<ReadPlan> segments;
  Timestamp time = kNoTimestamp;  // none: the record with the greatest time
};

// The first record with a time of at least `time`, or the first with the greatest time; all -1 when
// there is none. Waits for the disk.
//
// Errors   corrupt_batch, any I/O code, those of decompression
Result<TimestampOffset> find_by_time(const TimePlan& plan);

}  // namespace strandline
