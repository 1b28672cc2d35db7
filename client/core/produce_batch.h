// One batch on its way: filled record by record, then sealed into the bytes that brokers get, then
// stamped with the producer's identity and sequence, again when those must change.
//
// Thread   one owner
// Owns     its records, once: as a builder's until sealed, as a batch's afterwards
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "protocol/base/clock.h"
#include "protocol/base/ids.h"
#include "protocol/base/strong.h"
#include "protocol/record/builder.h"

namespace strandline::client {

// Names a record that a producer core took, in the order in which it took them.
using RecordId = StrongId<struct RecordIdTag, std::uint64_t>;

// As whom a partition's batches are numbered.
struct ProducerIdentity {
  ProducerId id = kNoProducerId;
  ProducerEpoch epoch = kNoProducerEpoch;

  bool is_known() const { return id != kNoProducerId; }
  friend bool operator==(const ProducerIdentity&, const ProducerIdentity&) = default;
};

struct BatchCodec {
  Codec codec = Codec::none;
  std::optional<int> level;
};

class ProduceBatch {
 public:
  explicit ProduceBatch(Instant created) : created_(created) {}

  // Whether append() would keep it within bytes_max. A sealed batch has no room; an empty one has
  // room for anything.
  bool has_room(const RecordInput& record, std::size_t bytes_max) const;

  // Needs    not sealed
  void append(RecordId id, const RecordInput& record);

  bool sealed() const { return !sealed_.empty(); }
  void seal(const BatchCodec& codec, Compressor& compressor);

  // Needs    sealed
  void stamp(const ProducerIdentity& identity, Sequence base_sequence);
  ByteView bytes() const { return sealed_; }

  // Takes the batch apart into two of half the records each, sealed under the same codec.
  //
  // Needs    sealed, at least two records
  // Errors   those of reading our own batch back; nothing is changed then
  Result<std::pair<ProduceBatch, ProduceBatch>> split(const BatchCodec& codec,
                                                      Compressor& compressor,
                                                      Decompressor& decompressor) const;

  // What it weighs in a request.
  std::size_t size_bytes() const { return sealed() ? sealed_.size() : builder_.size_bytes(); }
  // What was charged for its records when they were taken, whatever they became since.
  std::size_t charged_bytes() const { return charged_bytes_; }

  std::int32_t record_count() const { return static_cast<std::int32_t>(records_.size()); }
  const std::vector<RecordId>& records() const { return records_; }
  Instant created() const { return created_; }

  // Gives records and bytes back: whoever waited for them has an answer.
  std::vector<RecordId> empty_out();

 private:
  Instant created_;
  std::vector<RecordId> records_;
  BatchBuilder builder_;
  std::vector<std::byte> sealed_;
  std::size_t charged_bytes_ = 0;
};

// What a record is charged against the producer's buffer.
std::size_t charge_of(const RecordInput& record);

}  // namespace strandline::client
