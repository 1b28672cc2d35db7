#include "client/core/produce_batch.h"

#include "protocol/base/assertion.h"
#include "protocol/base/bytes.h"
#include "protocol/record/batch_layout.h"
#include "protocol/record/records.h"

namespace strandline::client {

std::size_t charge_of(const RecordInput& record) {
  // Lengths and deltas of a record are varints; this is what they come to at most, with its id.
  constexpr std::size_t kPerField = 5;
  constexpr std::size_t kPerRecord = 40;
  std::size_t bytes = kPerRecord + (record.key ? record.key->size() : 0) +
                      (record.value ? record.value->size() : 0);
  for (const RecordHeaderView& header : record.headers) {
    bytes += 2 * kPerField + header.key.size() + (header.value ? header.value->size() : 0);
  }
  return bytes;
}

bool ProduceBatch::has_room(const RecordInput& record, std::size_t bytes_max) const {
  if (sealed()) return false;
  return builder_.empty() || builder_.size_bytes() + builder_.size_bytes_of(record) <= bytes_max;
}

void ProduceBatch::append(RecordId id, const RecordInput& record) {
  STRANDLINE_ASSERT(!sealed());
  builder_.append(record);
  records_.push_back(id);
  charged_bytes_ += charge_of(record);
}

void ProduceBatch::seal(const BatchCodec& codec, Compressor& compressor) {
  STRANDLINE_ASSERT(!sealed());
  builder_.build({.codec = codec.codec, .level = codec.level}, compressor, sealed_);
  builder_ = BatchBuilder{};
}

void ProduceBatch::stamp(const ProducerIdentity& identity, Sequence base_sequence) {
  STRANDLINE_ASSERT(sealed());
  std::byte* const at = sealed_.data();
  store_be(at + batch_layout::kProducerIdAt, identity.id.value());
  store_be(at + batch_layout::kProducerEpochAt, identity.epoch.value());
  store_be(at + batch_layout::kBaseSequenceAt, base_sequence.value());
  assign_batch_crc(sealed_);
}

Result<std::pair<ProduceBatch, ProduceBatch>> ProduceBatch::split(
    const BatchCodec& codec, Compressor& compressor, Decompressor& decompressor) const {
  STRANDLINE_ASSERT(sealed() && record_count() >= 2);
  std::pair<ProduceBatch, ProduceBatch> halves{ProduceBatch{created_}, ProduceBatch{created_}};
  const std::size_t first_half = records_.size() / 2;
  std::size_t place = 0;
  std::vector<RecordHeaderView> headers;
  STRANDLINE_TRYV(for_each_record(sealed_, decompressor, SIZE_MAX, [&](const RecordView& record) {
    headers.clear();
    for (const RecordHeaderView& header : record.headers) headers.push_back(header);
    ProduceBatch& half = place < first_half ? halves.first : halves.second;
    half.append(records_[place++], {.key = record.key,
                                    .value = record.value,
                                    .timestamp = record.timestamp,
                                    .headers = headers});
  }));
  halves.first.seal(codec, compressor);
  halves.second.seal(codec, compressor);
  return halves;
}

std::vector<RecordId> ProduceBatch::empty_out() {
  builder_ = BatchBuilder{};
  sealed_ = {};
  charged_bytes_ = 0;
  return std::move(records_);
}

}  // namespace strandline::client
