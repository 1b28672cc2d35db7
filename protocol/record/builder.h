// Makes batches: for our client, for control markers, for tests and tools.
//
// Thread   one owner
// Owns     the records appended so far
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/clock.h"
#include "protocol/base/ids.h"
#include "protocol/record/batch.h"
#include "protocol/record/compression.h"
#include "protocol/record/records.h"

namespace strandline {

struct RecordInput {
  std::optional<ByteView> key;
  std::optional<ByteView> value;
  Timestamp timestamp = kNoTimestamp;
  std::span<const RecordHeaderView> headers;
};

// What a batch says beside its records.
struct BatchOptions {
  Codec codec = Codec::none;
  std::optional<int> level;
  Offset base_offset{0};
  LeaderEpoch leader_epoch = kNoLeaderEpoch;
  ProducerId producer_id = kNoProducerId;
  ProducerEpoch producer_epoch = kNoProducerEpoch;
  Sequence base_sequence = kNoSequence;
  bool transactional = false;
};

class BatchBuilder {
 public:
  // Adds a record at the next offset delta. What it points to is copied.
  void append(const RecordInput& record);

  // The size build() gives without compression.
  std::size_t size_bytes() const { return kBatchHeaderBytes + records_.size(); }
  // What append() would add to it.
  std::size_t size_bytes_of(const RecordInput& record) const;
  std::int32_t record_count() const { return count_; }
  bool empty() const { return count_ == 0; }

  // Appends the batch to `out`; the records stay, so that it can be built again.
  //
  // Needs    at least one record
  void build(const BatchOptions& options, Compressor& compressor,
             std::vector<std::byte>& out) const;

  // Forgets the records and keeps the memory.
  void clear();

 private:
  std::vector<std::byte> records_;
  std::int32_t count_ = 0;
  Timestamp base_timestamp_ = kNoTimestamp;
  Timestamp max_timestamp_ = kNoTimestamp;
};

enum class ControlType : std::int16_t { abort = 0, commit = 1 };

// A transaction marker: one control record, no sequence.
std::vector<std::byte> build_marker(ControlType type, ProducerId producer_id,
                                    ProducerEpoch producer_epoch, std::int32_t coordinator_epoch,
                                    Timestamp timestamp);

struct ControlMarker {
  std::int16_t type = 0;  // a ControlType, or one that is to be skipped
  std::int32_t coordinator_epoch = 0;
};

// Reads the record of a control batch. Newer versions only append fields, so more bytes are fine.
//
// Errors   corrupt_batch   too short, or negative version
Result<ControlMarker> parse_marker(const RecordView& record);

}  // namespace strandline
