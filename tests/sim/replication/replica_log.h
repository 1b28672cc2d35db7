// The log of one simulated replica: batches in memory, a part of which is on the disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/base/prng.h"
#include "storage/log/epoch_cache.h"

namespace strandline {
class StateWriter;
}

namespace strandline::partition_sim {

struct SimBatch {
  Offset base_offset;
  std::int32_t record_count = 0;
  LeaderEpoch leader_epoch;
  std::uint64_t id = 0;  // what is in it: each produced batch has another one

  Offset next_offset() const { return base_offset + record_count; }
  friend bool operator==(const SimBatch&, const SimBatch&) = default;
};

class ReplicaLog {
 public:
  Offset start() const { return start_; }
  Offset first_batch() const { return batches_.empty() ? end() : batches_.front().base_offset; }
  Offset end() const { return batches_.empty() ? begins_at_ : batches_.back().next_offset(); }
  Offset flushed_end() const { return flushed_end_; }
  Offset high_watermark() const { return high_watermark_; }
  const EpochStarts& epochs() const { return epochs_.starts(); }
  const std::vector<SimBatch>& batches() const { return batches_; }

  // The batch that begins at `offset`; nullptr: none does.
  const SimBatch* find(Offset offset) const;
  // Whole batches from `from` on, at most `batches_max`.
  std::vector<SimBatch> read(Offset from, std::size_t batches_max) const;

  void append(const SimBatch& batch);
  void on_new_leader_epoch(LeaderEpoch epoch) { epochs_.on_batch(epoch, end()); }
  void set_high_watermark(Offset high_watermark);
  void delete_records(Offset start);
  void truncate(Offset end);
  void restart(Offset start);

  // Everything below the returned end is on the disk once finish_sync() is called with it.
  Offset begin_sync();
  void finish_sync(Offset covered);

  // The process ends; what was written stays in the page cache and is flushed by recovery.
  void kill();
  // The power goes: any part of what is not on the disk is lost, and a cut that is not on the disk
  // may be undone. True when records are missing afterwards.
  //
  // outcome   below power_loss_outcomes(); 0 loses most
  bool lose_power(std::size_t outcome);
  std::size_t power_loss_outcomes() const;
  // The disk loses records that were on it.
  void damage(Prng& prng);

 private:
  friend class strandline::StateWriter;

  std::vector<Offset> ends_after_power_loss() const;
  void recover(Offset end);

  Offset start_{0};
  Offset begins_at_{0};  // where the next batch goes while there is none
  std::vector<SimBatch> batches_;
  EpochCache epochs_;
  Offset flushed_end_{0};
  Offset high_watermark_{0};
  Offset saved_high_watermark_{0};  // a restart knows no later one
  Offset sync_covers_{0};           // of the sync under way, unless a cut lowered it
  std::vector<SimBatch> old_tail_;  // cut, but perhaps not on the disk
};

}  // namespace strandline::partition_sim
