// Where each leader's term begins in the log (KIP-101). Ascending in both numbers; the batches
// themselves carry everything needed to make it again.
//
// Thread   one owner
#pragma once

#include <vector>

#include "protocol/base/ids.h"
#include "storage/log/log_types.h"

namespace strandline {

class EpochCache {
 public:
  const std::vector<EpochStart>& starts() const { return starts_; }
  LeaderEpoch latest() const {
    return starts_.empty() ? kNoLeaderEpoch : starts_.back().leader_epoch;
  }

  void assign(std::vector<EpochStart> starts) { starts_ = std::move(starts); }

  // Takes note of a batch; nothing happens unless its epoch is newer than the latest.
  void on_batch(LeaderEpoch epoch, Offset base_offset) {
    if (epoch > latest()) starts_.push_back({epoch, base_offset});
  }

  // Epochs that begin at or beyond `end` are gone with their records.
  void cut_end(Offset end) {
    while (!starts_.empty() && starts_.back().start_offset >= end) starts_.pop_back();
  }

  // Epochs that ended at or before `start` are gone; the one that spans it begins there now.
  void cut_start(Offset start) {
    auto keep = starts_.begin();
    while (keep != starts_.end() && keep + 1 != starts_.end() &&
           (keep + 1)->start_offset <= start) {
      ++keep;
    }
    starts_.erase(starts_.begin(), keep);
    if (!starts_.empty() && starts_.front().start_offset < start) {
      starts_.front().start_offset = start;
    }
  }

  // See EpochEndOffset.
  EpochEndOffset end_of(LeaderEpoch asked, Offset log_end_offset) const {
    EpochEndOffset end;
    for (std::size_t i = 0; i < starts_.size() && starts_[i].leader_epoch <= asked; ++i) {
      end.epoch = starts_[i].leader_epoch;
      end.end_offset = i + 1 < starts_.size() ? starts_[i + 1].start_offset : log_end_offset;
    }
    return end;
  }

 private:
  std::vector<EpochStart> starts_;
};

}  // namespace strandline
