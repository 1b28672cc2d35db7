#include "protocol/record/batch.h"

#include "protocol/base/assertion.h"
#include "protocol/base/crc32c.h"
#include "protocol/base/errc.h"
#include "protocol/record/batch_layout.h"

namespace strandline {

using namespace batch_layout;

Result<BatchHeader> parse_batch_header(ByteView bytes) {
  if (bytes.size() < kBatchHeaderBytes) return Errc::truncated_frame;
  const std::byte* at = bytes.data();
  BatchHeader header;
  header.magic = load_be<std::int8_t>(at + kMagicAt);
  // Magic lies at the same position in formats 0 and 1, and nothing after it
  // means the same there.
  if (header.magic != kBatchMagic) return Errc::unsupported_magic;
  header.base_offset = Offset{load_be<std::int64_t>(at + kBaseOffsetAt)};
  header.batch_length = load_be<std::int32_t>(at + kBatchLengthAt);
  if (header.batch_length < kBatchLengthMin) return Errc::corrupt_batch;
  header.leader_epoch = LeaderEpoch{load_be<std::int32_t>(at + kLeaderEpochAt)};
  header.crc = load_be<std::uint32_t>(at + kCrcAt);
  header.attributes = load_be<std::uint16_t>(at + kAttributesAt);
  header.last_offset_delta = load_be<std::int32_t>(at + kLastOffsetDeltaAt);
  header.base_timestamp = Timestamp{load_be<std::int64_t>(at + kBaseTimestampAt)};
  header.max_timestamp = Timestamp{load_be<std::int64_t>(at + kMaxTimestampAt)};
  header.producer_id = ProducerId{load_be<std::int64_t>(at + kProducerIdAt)};
  header.producer_epoch = ProducerEpoch{load_be<std::int16_t>(at + kProducerEpochAt)};
  header.base_sequence = Sequence{load_be<std::int32_t>(at + kBaseSequenceAt)};
  header.record_count = load_be<std::int32_t>(at + kRecordCountAt);
  return header;
}

Result<BatchHeader> parse_batch(ByteView bytes) {
  STRANDLINE_TRY(auto header, parse_batch_header(bytes));
  if (header.size_bytes() > bytes.size()) return Errc::truncated_frame;
  return header;
}

bool batch_crc_matches(ByteView batch) {
  STRANDLINE_ASSERT(batch.size() >= kBatchHeaderBytes);
  return load_be<std::uint32_t>(batch.data() + kCrcAt) == crc32c(batch.subspan(kCrcStart));
}

void assign_batch_offset(MutableByteView batch, Offset base_offset, LeaderEpoch leader_epoch) {
  STRANDLINE_ASSERT(batch.size() >= kBatchHeaderBytes);
  store_be(batch.data() + kBaseOffsetAt, base_offset.value());
  store_be(batch.data() + kLeaderEpochAt, leader_epoch.value());
}

void assign_batch_crc(MutableByteView batch) {
  STRANDLINE_ASSERT(batch.size() >= kBatchHeaderBytes);
  store_be(batch.data() + kCrcAt, crc32c(batch.subspan(kCrcStart)));
}

void assign_max_timestamp(MutableByteView batch, Timestamp max_timestamp) {
  STRANDLINE_ASSERT(batch.size() >= kBatchHeaderBytes);
  store_be(batch.data() + kMaxTimestampAt, max_timestamp.value());
  assign_batch_crc(batch);
}

void assign_log_append_time(MutableByteView batch, Timestamp append_time) {
  STRANDLINE_ASSERT(batch.size() >= kBatchHeaderBytes);
  const auto attributes = load_be<std::uint16_t>(batch.data() + kAttributesAt);
  store_be(batch.data() + kAttributesAt,
           static_cast<std::uint16_t>(attributes | kLogAppendTimeBit));
  assign_max_timestamp(batch, append_time);
}

}  // namespace strandline
