#include "tests/sim/replication/replica_log.h"

#include <algorithm>
#include <utility>

#include "protocol/base/assertion.h"

namespace strandline::partition_sim {

const SimBatch* ReplicaLog::find(Offset offset) const {
  const auto found = std::ranges::lower_bound(batches_, offset, {}, &SimBatch::base_offset);
  return found != batches_.end() && found->base_offset == offset ? &*found : nullptr;
}

std::vector<SimBatch> ReplicaLog::read(Offset from, std::size_t batches_max) const {
  const auto first = std::ranges::lower_bound(batches_, from, {}, &SimBatch::base_offset);
  const auto left = static_cast<std::size_t>(batches_.end() - first);
  return {first, first + static_cast<std::ptrdiff_t>(std::min(left, batches_max))};
}

void ReplicaLog::append(const SimBatch& batch) {
  STRANDLINE_ASSERT(batch.base_offset == end());
  batches_.push_back(batch);
  epochs_.on_batch(batch.leader_epoch, batch.base_offset);
}

void ReplicaLog::set_high_watermark(Offset high_watermark) {
  STRANDLINE_ASSERT(high_watermark >= high_watermark_);
  STRANDLINE_ASSERT(high_watermark <= end());
  high_watermark_ = high_watermark;
}

void ReplicaLog::delete_records(Offset start) {
  STRANDLINE_ASSERT(start <= high_watermark_);
  start_ = std::max(start_, start);
  saved_high_watermark_ = std::max(saved_high_watermark_, start_);
  begins_at_ = std::max(begins_at_, std::min(start_, end()));
  std::erase_if(batches_, [&](const SimBatch& batch) { return batch.next_offset() <= start_; });
  epochs_.cut_start(start_);
}

void ReplicaLog::truncate(Offset end) {
  STRANDLINE_ASSERT(end >= start_);
  const auto beyond = std::ranges::lower_bound(batches_, end, {}, &SimBatch::base_offset);
  if (beyond != batches_.end()) old_tail_.assign(beyond, batches_.end());
  if (beyond == batches_.begin()) begins_at_ = end;
  batches_.erase(beyond, batches_.end());
  epochs_.cut_end(end);
  flushed_end_ = std::min(flushed_end_, end);
  sync_covers_ = std::min(sync_covers_, end);
  high_watermark_ = std::min(high_watermark_, end);
  saved_high_watermark_ = std::min(saved_high_watermark_, end);
}

void ReplicaLog::restart(Offset start) {
  batches_.clear();
  old_tail_.clear();
  epochs_.assign({});
  start_ = begins_at_ = flushed_end_ = high_watermark_ = saved_high_watermark_ = start;
  sync_covers_ = Offset{0};
}

Offset ReplicaLog::begin_sync() {
  sync_covers_ = end();
  return sync_covers_;
}

void ReplicaLog::finish_sync(Offset covered) {
  flushed_end_ = std::max(flushed_end_, std::min(covered, sync_covers_));
  saved_high_watermark_ = std::max(saved_high_watermark_, std::min(high_watermark_, flushed_end_));
  old_tail_.clear();
}

void ReplicaLog::recover(Offset end) {
  std::erase_if(batches_, [&](const SimBatch& batch) { return batch.base_offset >= end; });
  if (batches_.empty()) begins_at_ = end;
  epochs_.assign({});
  for (const SimBatch& batch : batches_) epochs_.on_batch(batch.leader_epoch, batch.base_offset);
  epochs_.cut_start(start_);
  flushed_end_ = end;
  high_watermark_ = std::max(start_, std::min(saved_high_watermark_, end));
  saved_high_watermark_ = high_watermark_;
  sync_covers_ = Offset{0};
  old_tail_.clear();
}

void ReplicaLog::kill() { recover(end()); }

std::vector<Offset> ReplicaLog::ends_after_power_loss() const {
  std::vector<Offset> ends{flushed_end_};
  for (const SimBatch& batch : batches_) {
    if (batch.next_offset() > flushed_end_) ends.push_back(batch.next_offset());
  }
  return ends;
}

std::size_t ReplicaLog::power_loss_outcomes() const {
  const std::vector<Offset> ends = ends_after_power_loss();
  const bool cut_may_be_undone =
      !old_tail_.empty() && std::ranges::find(ends, old_tail_.front().base_offset) != ends.end();
  return ends.size() + (cut_may_be_undone ? 1 : 0);
}

bool ReplicaLog::lose_power(std::size_t outcome) {
  const Offset before = end();
  const std::vector<Offset> ends = ends_after_power_loss();
  Offset kept;
  if (outcome < ends.size()) {
    kept = ends[outcome];
  } else {
    const Offset cut_at = old_tail_.front().base_offset;
    std::erase_if(batches_, [&](const SimBatch& batch) { return batch.base_offset >= cut_at; });
    batches_.insert(batches_.end(), old_tail_.begin(), old_tail_.end());
    kept = end();
  }
  recover(kept);
  return kept < before;
}

void ReplicaLog::damage(Prng& prng) {
  std::vector<Offset> ends{first_batch()};
  for (const SimBatch& batch : batches_) ends.push_back(batch.next_offset());
  const Offset kept = ends[prng.below(ends.size())];
  if (kept < start_ || prng.chance(1, 3)) return restart(Offset{0});
  recover(kept);
}

}  // namespace strandline::partition_sim
