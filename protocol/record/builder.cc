#include "protocol/record/builder.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"
#include "protocol/record/batch_layout.h"
#include "protocol/record/varint.h"

namespace strandline {

namespace {

using namespace batch_layout;

std::int32_t length_of(const std::optional<ByteView>& field) {
  return field ? static_cast<std::int32_t>(field->size()) : -1;
}

std::size_t field_bytes(const std::optional<ByteView>& field) {
  return varint_bytes(length_of(field)) + (field ? field->size() : 0);
}

std::byte* write_field(std::byte* at, const std::optional<ByteView>& field) {
  at = write_varint(at, length_of(field));
  if (!field || field->empty()) return at;
  std::memcpy(at, field->data(), field->size());
  return at + field->size();
}

// The bytes of a record after its length.
std::size_t body_bytes(const RecordInput& record, std::int64_t timestamp_delta,
                       std::int32_t offset_delta) {
  std::size_t bytes = 1 + varlong_bytes(timestamp_delta) + varint_bytes(offset_delta) +
                      field_bytes(record.key) + field_bytes(record.value) +
                      varint_bytes(static_cast<std::int32_t>(record.headers.size()));
  for (const RecordHeaderView& header : record.headers) {
    bytes += field_bytes(as_bytes(header.key)) + field_bytes(header.value);
  }
  return bytes;
}

// Wraps on overflow; reading wraps back.
std::int64_t delta_between(Timestamp base, Timestamp time) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(time.value()) -
                                   static_cast<std::uint64_t>(base.value()));
}

void write_header(std::byte* at, const BatchOptions& options, std::size_t size,
                  std::uint16_t attributes, std::int32_t record_count, Timestamp base_timestamp,
                  Timestamp max_timestamp) {
  store_be(at + kBaseOffsetAt, options.base_offset.value());
  store_be(at + kBatchLengthAt, static_cast<std::int32_t>(size - kBatchPrefixBytes));
  store_be(at + kLeaderEpochAt, options.leader_epoch.value());
  store_be(at + kMagicAt, kBatchMagic);
  store_be(at + kAttributesAt, attributes);
  store_be(at + kLastOffsetDeltaAt, record_count - 1);
  store_be(at + kBaseTimestampAt, base_timestamp.value());
  store_be(at + kMaxTimestampAt, max_timestamp.value());
  store_be(at + kProducerIdAt, options.producer_id.value());
  store_be(at + kProducerEpochAt, options.producer_epoch.value());
  store_be(at + kBaseSequenceAt, options.base_sequence.value());
  store_be(at + kRecordCountAt, record_count);
  assign_batch_crc({at, size});
}

}  // namespace

std::size_t BatchBuilder::size_bytes_of(const RecordInput& record) const {
  const Timestamp base = empty() ? record.timestamp : base_timestamp_;
  const std::size_t body = body_bytes(record, delta_between(base, record.timestamp), count_);
  return varint_bytes(static_cast<std::int32_t>(body)) + body;
}

void BatchBuilder::append(const RecordInput& record) {
  if (empty()) {
    base_timestamp_ = record.timestamp;
    max_timestamp_ = record.timestamp;
  }
  max_timestamp_ = std::max(max_timestamp_, record.timestamp);
  const std::int64_t timestamp_delta = delta_between(base_timestamp_, record.timestamp);
  const std::size_t body = body_bytes(record, timestamp_delta, count_);
  const std::size_t before = records_.size();
  const std::size_t size = varint_bytes(static_cast<std::int32_t>(body)) + body;
  STRANDLINE_ASSERT(size < INT32_MAX - size_bytes());
  records_.resize(before + size);
  std::byte* at = write_varint(records_.data() + before, static_cast<std::int32_t>(body));
  *at++ = std::byte{0};
  at = write_varlong(at, timestamp_delta);
  at = write_varint(at, count_);
  at = write_field(at, record.key);
  at = write_field(at, record.value);
  at = write_varint(at, static_cast<std::int32_t>(record.headers.size()));
  for (const RecordHeaderView& header : record.headers) {
    at = write_field(at, as_bytes(header.key));
    at = write_field(at, header.value);
  }
  STRANDLINE_ASSERT(at == records_.data() + records_.size());
  ++count_;
}

void BatchBuilder::build(const BatchOptions& options, Compressor& compressor,
                         std::vector<std::byte>& out) const {
  STRANDLINE_ASSERT(count_ > 0);
  const std::size_t before = out.size();
  out.resize(before + kBatchHeaderBytes);
  compressor.compress(options.codec, records_, options.level, out);
  auto attributes = static_cast<std::uint16_t>(options.codec);
  if (options.transactional) attributes |= kTransactionalBit;
  write_header(out.data() + before, options, out.size() - before, attributes, count_,
               base_timestamp_, max_timestamp_);
}

void BatchBuilder::clear() {
  records_.clear();
  count_ = 0;
  base_timestamp_ = kNoTimestamp;
  max_timestamp_ = kNoTimestamp;
}

std::vector<std::byte> build_marker(ControlType type, ProducerId producer_id,
                                    ProducerEpoch producer_epoch, std::int32_t coordinator_epoch,
                                    Timestamp timestamp) {
  std::array<std::byte, 4> key{};
  store_be(key.data() + 2, static_cast<std::int16_t>(type));
  std::array<std::byte, 6> value{};
  store_be(value.data() + 2, coordinator_epoch);
  BatchBuilder builder;
  builder.append({.key = ByteView{key}, .value = ByteView{value}, .timestamp = timestamp});
  Compressor compressor;
  std::vector<std::byte> batch;
  builder.build(
      {.producer_id = producer_id, .producer_epoch = producer_epoch, .transactional = true},
      compressor, batch);
  const auto attributes = load_be<std::uint16_t>(batch.data() + kAttributesAt);
  store_be(batch.data() + kAttributesAt, static_cast<std::uint16_t>(attributes | kControlBit));
  assign_batch_crc(batch);
  return batch;
}

Result<ControlMarker> parse_marker(const RecordView& record) {
  if (!record.key || record.key->size() < 4) return Errc::corrupt_batch;
  if (load_be<std::int16_t>(record.key->data()) < 0) return Errc::corrupt_batch;
  ControlMarker marker{.type = load_be<std::int16_t>(record.key->data() + 2)};
  // Only of the two types we know is the value ours to read.
  if (marker.type != static_cast<std::int16_t>(ControlType::abort) &&
      marker.type != static_cast<std::int16_t>(ControlType::commit)) {
    return marker;
  }
  if (!record.value || record.value->size() < 6) return Errc::corrupt_batch;
  if (load_be<std::int16_t>(record.value->data()) < 0) return Errc::corrupt_batch;
  marker.coordinator_epoch = load_be<std::int32_t>(record.value->data() + 2);
  return marker;
}

}  // namespace strandline
