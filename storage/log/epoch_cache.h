// Where each leader's term begins in the log (KIP-101). Ascending in both numbers; the batches
// themselves carry everything needed to make it again.
//
// Thread   one owner
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "protocol/base/ids.h"
#include "storage/log/log_types.h"

namespace strandline {

using EpochStarts = std::vector<EpochStart>;

// The epoch that `offset` was written in; none below the first start.
inline std::optional<LeaderEpoch> epoch_at(const EpochStarts& starts, Offset offset) {
  const auto beyond = std::ranges::upper_bound(starts, offset, {}, &EpochStart::start_offset);
  if (beyond == starts.begin()) return std::nullopt;
  return std::prev(beyond)->leader_epoch;
}

class EpochCache {
 public:
  const EpochStarts& starts() const { return *starts_; }
  // The starts as they are now: for a reader on another thread, as they change rarely.
  std::shared_ptr<const EpochStarts> shared_starts() const { return starts_; }
  LeaderEpoch latest() const {
    return starts_->empty() ? kNoLeaderEpoch : starts_->back().leader_epoch;
  }

  void assign(EpochStarts starts) {
    starts_ = std::make_shared<const EpochStarts>(std::move(starts));
  }

  // Takes note of a batch; nothing happens unless its epoch is newer than the latest.
  void on_batch(LeaderEpoch epoch, Offset base_offset) {
    if (epoch <= latest()) return;
    EpochStarts starts = *starts_;
    starts.push_back({epoch, base_offset});
    assign(std::move(starts));
  }

  // Epochs that begin at or beyond `end` are gone with their records.
  void cut_end(Offset end) {
    if (starts_->empty() || starts_->back().start_offset < end) return;
    EpochStarts starts = *starts_;
    while (!starts.empty() && starts.back().start_offset >= end) starts.pop_back();
    assign(std::move(starts));
  }

  // Epochs that ended at or before `start` are gone; the one that spans it begins there now.
  void cut_start(Offset start) {
    if (starts_->empty() || starts_->front().start_offset >= start) return;
    EpochStarts starts = *starts_;
    auto keep = starts.begin();
    while (keep + 1 != starts.end() && (keep + 1)->start_offset <= start) ++keep;
    starts.erase(starts.begin(), keep);
    starts.front().start_offset = std::max(starts.front().start_offset, start);
    assign(std::move(starts));
  }

  // See EpochEndOffset.
  EpochEndOffset end_of(LeaderEpoch asked, Offset log_end_offset) const {
    EpochEndOffset end;
    const EpochStarts& starts = *starts_;
    for (std::size_t i = 0; i < starts.size() && starts[i].leader_epoch <= asked; ++i) {
      end.epoch = starts[i].leader_epoch;
      end.end_offset = i + 1 < starts.size() ? starts[i + 1].start_offset : log_end_offset;
    }
    return end;
  }

 private:
  std::shared_ptr<const EpochStarts> starts_ = std::make_shared<const EpochStarts>();
};

}  // namespace strandline
