// Opening a log: what is on the disk decides, not what is in the cache, and nothing below the
// recovery point is ever cut.
//
//   segment wholly below the recovery point   taken as it is; its batches are checked when read
//   segment with a good .digest               the same: it was synced before the digest was written
//   anything beside a restart marker          dropped: the log was about to begin anew elsewhere
//   everything else                           synced, dropped from the cache and scanned; the first
//                                             batch that is not good ends the log: what follows is
//                                             kept aside and cut, later segments with it
//
// Thread   any, one per log; waits for the disk
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "storage/log/partition_log.h"

namespace strandline {

class LogRecovery {
 public:
  LogRecovery(PartitionLog& log, const RecoveryPoint& point, Timestamp now)
      : log_(log), point_(point), now_(now) {}

  Result<void> run();

 private:
  Result<void> find_segments();
  Result<void> add_segment(Offset base_offset);
  Result<void> remove_leftovers(const std::vector<std::string>& names);
  Result<void> start_empty();
  Result<void> start_anew();
  Result<void> take_checkpoint();
  Result<void> trust_digests();
  Result<void> recover_all();
  Result<bool> take_as_it_is(Segment& segment, Offset end);
  Result<bool> scan(Segment& segment, Offset end);
  Result<void> cut_after(Segment& segment, const BatchPlace& good, const std::string& why);
  Result<void> note_cut();
  Result<std::string> keep_aside(Segment& segment, std::uint64_t position);
  Result<void> walk_epochs(Segment& segment);
  Result<void> finish();
  ErrorCode damaged(Damage damage);

  PartitionLog& log_;
  const RecoveryPoint& point_;
  const Timestamp now_;
  Offset safe_end_{0};             // below it nothing may be missing
  std::optional<Offset> restart_;  // the log was about to begin anew there
};

}  // namespace strandline
