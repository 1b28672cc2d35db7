#include "broker/partition/log_cut.h"

#include <algorithm>
#include <utility>

namespace strandline {
namespace {

// What stays true of the log whether the cut happens or not.
PartitionCheckpoint lowered(PartitionCheckpoint state, Offset end) {
  state.flushed_end = std::min(state.flushed_end, end);
  state.log_start = std::min(state.log_start, end);
  state.high_watermark = std::min(state.high_watermark, end);
  state.producer_state_offset = std::min(state.producer_state_offset, end);
  std::erase_if(state.epochs, [&](const EpochStart& e) { return e.start_offset >= end; });
  return state;
}

}  // namespace

Result<void> cut_durably(PartitionLog& log, Checkpoint* checkpoint, const PartitionKey& key,
                         Offset end, bool restarts) {
  if (checkpoint != nullptr) {
    checkpoint->put(key, lowered(log.checkpoint(), end));
    STRANDLINE_TRYV(checkpoint->write());
  }
  STRANDLINE_TRYV(restarts ? log.restart_at(end) : log.truncate_to(end));
  if (checkpoint == nullptr) return success();
  checkpoint->put(key, log.checkpoint());
  return checkpoint->write();
}

}  // namespace strandline
