#include "replication/quorum/quorum_log.h"

#include <algorithm>
#include <utility>

#include "protocol/base/assertion.h"

namespace strandline {

LogEnd QuorumLog::end() const {
  if (batches_.empty()) return start_;
  return {batches_.back().epoch, batches_.back().next_offset};
}

const VoterSet& QuorumLog::voters() const { return voters_at(end().offset); }

const VoterSet& QuorumLog::voters_at(Offset offset) const {
  for (auto batch = batches_.rbegin(); batch != batches_.rend(); ++batch) {
    if (batch->voters && batch->next_offset <= offset) return *batch->voters;
  }
  return start_voters_;
}

const QuorumBatch* QuorumLog::voters_change() const {
  const auto change =
      std::find_if(batches_.rbegin(), batches_.rend(),
                   [](const QuorumBatch& batch) { return batch.voters.has_value(); });
  return change == batches_.rend() ? nullptr : &*change;
}

LogEnd QuorumLog::voters_end() const {
  const QuorumBatch* change = voters_change();
  return change == nullptr ? start_ : LogEnd{change->epoch, change->next_offset};
}

void QuorumLog::append(QuorumBatch batch) {
  STRANDLINE_ASSERT(batch.base_offset == end().offset);
  STRANDLINE_ASSERT(batch.next_offset > batch.base_offset);
  STRANDLINE_ASSERT(batch.epoch >= end().epoch);
  batches_.push_back(std::move(batch));
}

void QuorumLog::truncate(Offset end_offset) {
  STRANDLINE_ASSERT(is_boundary(end_offset));
  while (!batches_.empty() && batches_.back().base_offset >= end_offset) batches_.pop_back();
}

void QuorumLog::cut_start(Offset offset) {
  while (!batches_.empty() && batches_.front().next_offset <= offset) {
    const QuorumBatch& first = batches_.front();
    start_ = {first.epoch, first.next_offset};
    if (first.voters) start_voters_ = *first.voters;
    batches_.pop_front();
  }
}

std::deque<QuorumBatch>::const_iterator QuorumLog::at(Offset boundary) const {
  return std::ranges::lower_bound(batches_, boundary, {}, &QuorumBatch::base_offset);
}

bool QuorumLog::is_boundary(Offset offset) const {
  if (offset == end().offset) return true;
  const auto batch = at(offset);
  return batch != batches_.end() && batch->base_offset == offset;
}

LeaderEpoch QuorumLog::epoch_before(Offset boundary) const {
  STRANDLINE_ASSERT(is_boundary(boundary));
  const auto batch = at(boundary);
  return batch == batches_.begin() ? start_.epoch : std::prev(batch)->epoch;
}

LogEnd QuorumLog::end_of_epoch(LeaderEpoch asked) const {
  const auto beyond = std::ranges::upper_bound(batches_, asked, {}, &QuorumBatch::epoch);
  if (beyond == batches_.begin()) return start_;
  return {std::prev(beyond)->epoch, std::prev(beyond)->next_offset};
}

const QuorumBatch* QuorumLog::find(Offset base_offset) const {
  const auto batch = at(base_offset);
  return batch != batches_.end() && batch->base_offset == base_offset ? &*batch : nullptr;
}

std::vector<QuorumBatch> QuorumLog::read(Offset from, std::size_t bytes_max) const {
  STRANDLINE_ASSERT(is_boundary(from));
  std::vector<QuorumBatch> batches;
  std::size_t bytes = 0;
  for (auto batch = at(from); batch != batches_.end(); ++batch) {
    bytes += batch->bytes->size();
    if (!batches.empty() && bytes > bytes_max) break;
    if (batches.size() == kBatchesPerReadMax) break;
    batches.push_back(*batch);
  }
  return batches;
}

}  // namespace strandline
