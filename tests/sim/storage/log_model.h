// What a partition log must hold, kept beside it in the plainest form: every batch ever appended,
// in order, with a copy of its bytes.
//
// Thread   one owner
#pragma once

#include <string>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/record/batch.h"
#include "storage/producer/producer_state.h"

namespace strandline::sim {

// Something that must never happen did.
struct Violation {
  std::string what;
};

struct ModelBatch {
  BatchHeader header;  // as it stands in the log
  std::vector<std::byte> bytes;
  Timestamp append_time = kNoTimestamp;
};

class LogModel {
 public:
  Offset end() const;
  // What was acknowledged: it must be there after any crash.
  Offset promised() const { return promised_; }
  void promise(Offset end);

  void append(ModelBatch batch);

  // Cut from `offset` on by its owner; until the next sync a crash may bring the old batches back.
  void truncate(Offset offset);
  // Everything before the call is on the disk: cut batches stay cut.
  void synced() { old_tails_.clear(); }

  // The write under way when a crash struck: any number of its batches may be there afterwards.
  void set_in_flight(std::vector<ModelBatch> batches) { in_flight_ = std::move(batches); }

  // The log recovered to hold `batches` from its start to `log_end`: takes over what a crash left.
  //
  // Throws   Violation when a promised batch is missing or any batch differs from what was appended
  void recover(const std::vector<ModelBatch>& recovered, Offset log_start, Offset log_end);

  // Throws   Violation when `bytes` are not whole batches as appended, going on from `from`
  void check_read(Offset from, ByteView bytes) const;

  // Throws   Violation when a producer's batch is there twice
  void check_unique() const;

  // The batch that begins at or covers `offset`.
  const ModelBatch* find(Offset offset) const;
  // Where batches begin, from `start` on, and the end.
  std::vector<Offset> boundaries(Offset start) const;

  // Producer state after every batch below the end.
  ProducerState replay_producers() const;

  std::size_t size() const { return batches_.size(); }

 private:
  bool is_known(const ModelBatch& batch) const;

  std::vector<ModelBatch> batches_;    // from offset 0, without gaps
  std::vector<ModelBatch> old_tails_;  // cut, but perhaps not for good
  std::vector<ModelBatch> in_flight_;
  Offset promised_{0};
};

// Whole batches in a row.
//
// Throws   Violation when they do not parse or their checksums do not match
std::vector<ModelBatch> split_batches(ByteView bytes);

}  // namespace strandline::sim
