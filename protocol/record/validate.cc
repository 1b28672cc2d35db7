#include "protocol/record/validate.h"

#include "protocol/base/assertion.h"
#include "protocol/record/batch_layout.h"
#include "protocol/record/records.h"

namespace strandline {

namespace {

using namespace batch_layout;

// Bits without a meaning, and the one only the cleaner sets. A batch with one of them would be read
// differently by us, by the cleaner and by a later version.
constexpr auto kForbiddenBits =
    static_cast<std::uint16_t>(~(kCodecMask | kLogAppendTimeBit | kTransactionalBit | kControlBit));

constexpr std::string_view kRecordsRejected = "one or more records were refused";
constexpr std::string_view kTimeOutOfBounds = "record timestamp is outside the topic's bounds";
constexpr std::string_view kKeyMissing = "a compacted topic takes no record without a key";

BatchVerdict refuse(Errc error, std::string_view message) {
  BatchVerdict verdict;
  verdict.error = error;
  verdict.message = message;
  return verdict;
}

// What contradicts itself in the header, or empty.
std::string_view header_fault(const BatchHeader& h) {
  if (h.base_offset != Offset{0}) return "base offset of a produced batch must be 0";
  if (h.record_count <= 0) return "batch has no records";
  if (std::int64_t{h.last_offset_delta} + 1 != h.record_count) {
    return "last offset delta and record count differ";
  }
  if (h.is_control()) return "clients must not send control batches";
  if ((h.attributes & kForbiddenBits) != 0) return "batch has unknown attributes";
  if (h.has_producer()) {
    if (h.base_sequence < Sequence{0}) return "batch has a producer id but no sequence";
    if (h.producer_epoch < ProducerEpoch{0}) return "batch has a producer id but no epoch";
  } else if (h.is_transactional()) {
    return "transactional batch has no producer id";
  }
  return {};
}

// Timestamps within these are welcome; both ends saturate.
struct TimeBounds {
  std::int64_t first = std::numeric_limits<std::int64_t>::min();
  std::int64_t last = std::numeric_limits<std::int64_t>::max();

  explicit TimeBounds(const ProduceRules& rules) {
    // The leader's own time replaces the producer's: nothing to bound.
    if (rules.timestamp_type == TimestampType::log_append_time) return;
    const std::int64_t now = rules.now.value();
    std::int64_t bound = 0;
    if (!__builtin_sub_overflow(now, rules.timestamp_before_ms_max, &bound)) first = bound;
    if (!__builtin_add_overflow(now, rules.timestamp_after_ms_max, &bound)) last = bound;
  }

  bool hold(std::int64_t time) const {
    return (time >= first && time <= last) || time == kNoTimestamp.value();
  }
};

struct Walk {
  bool well_formed = false;
  bool times_hold = true;
  bool keys_hold = true;
  std::int64_t max_timestamp = kNoTimestamp.value();
  std::int32_t max_timestamp_delta = 0;
};

// The hot loop: one pass over the lengths of all records, nothing else is touched.
Walk walk_records(const BatchHeader& header, ByteView records, const TimeBounds& bounds,
                  bool keys_required) {
  Walk walk;
  const std::byte* at = records.data();
  const std::byte* const end = at + records.size();
  RawRecord record;
  for (std::int32_t index = 0; index < header.record_count; ++index) {
    at = parse_record(at, end, record);
    if (at == nullptr || record.offset_delta != index) return walk;
    const std::int64_t time = record_time(header.base_timestamp, record.timestamp_delta).value();
    if (time > walk.max_timestamp) {
      walk.max_timestamp = time;
      walk.max_timestamp_delta = index;
    }
    walk.times_hold &= bounds.hold(time);
    walk.keys_hold &= !keys_required || record.key_bytes >= 0;
  }
  walk.well_formed = at == end;
  return walk;
}

// A second pass over a well-formed batch that was refused for some of its records: names them.
template <class Bad>
BatchVerdict refuse_records(Errc error, std::string_view message, const BatchHeader& header,
                            ByteView records, Bad&& bad) {
  BatchVerdict verdict = refuse(error, kRecordsRejected);
  const std::byte* at = records.data();
  const std::byte* const end = at + records.size();
  RawRecord record;
  for (std::int32_t index = 0; index < header.record_count; ++index) {
    at = parse_record(at, end, record);
    STRANDLINE_ASSERT(at != nullptr);
    if (!bad(record)) continue;
    verdict.record_errors.push_back({index, message});
    if (verdict.record_errors.size() == kRecordErrorsMax) break;
  }
  return verdict;
}

BatchVerdict judge_records(const BatchHeader& header, ByteView records, const ProduceRules& rules) {
  const TimeBounds bounds{rules};
  const Walk walk = walk_records(header, records, bounds, rules.keys_required);
  if (!walk.well_formed) {
    return refuse(Errc::invalid_record, "records do not fit into the batch, or are out of order");
  }
  if (header.timestamp_type() == TimestampType::log_append_time) {
    return refuse(Errc::invalid_timestamp, "producers must not set the timestamp type");
  }
  if (!walk.times_hold) {
    return refuse_records(
        Errc::invalid_timestamp, kTimeOutOfBounds, header, records, [&](const RawRecord& record) {
          return !bounds.hold(record_time(header.base_timestamp, record.timestamp_delta).value());
        });
  }
  if (!walk.keys_hold) {
    return refuse_records(Errc::invalid_record, kKeyMissing, header, records,
                          [](const RawRecord& record) { return record.key_bytes < 0; });
  }
  BatchVerdict verdict;
  verdict.header = header;
  if (rules.timestamp_type == TimestampType::log_append_time) {
    verdict.max_timestamp = rules.now;
  } else {
    verdict.max_timestamp = Timestamp{walk.max_timestamp};
    verdict.max_timestamp_delta = walk.max_timestamp_delta;
  }
  return verdict;
}

std::string_view screen_message(Errc error) {
  switch (error) {
    case Errc::unsupported_compression_type:
      return "codec is unknown or not allowed in this version of the request";
    case Errc::invalid_record: return "records must be exactly one batch of format 2";
    default: return "batch is shorter than it says";
  }
}

}  // namespace

Result<BatchHeader> screen_produced_batch(ByteView records, std::int16_t produce_version) {
  if (records.empty()) return Errc::invalid_record;
  // The magic is looked for first: batches of formats 0 and 1 are shorter than our header.
  if (records.size() > kMagicAt && load_be<std::int8_t>(records.data() + kMagicAt) != kBatchMagic) {
    return Errc::invalid_record;
  }
  auto header = parse_batch(records);
  if (!header) return Errc::corrupt_message;
  if (header.value().size_bytes() != records.size()) return Errc::invalid_record;
  const std::uint8_t codec = header.value().codec_bits();
  if (codec > static_cast<std::uint8_t>(Codec::zstd)) return Errc::unsupported_compression_type;
  if (codec == static_cast<std::uint8_t>(Codec::zstd) && produce_version < 7) {
    return Errc::unsupported_compression_type;
  }
  return header;
}

BatchVerdict validate_produced_batch(ByteView records, const ProduceRules& rules,
                                     Decompressor& decompressor) {
  const auto screened = screen_produced_batch(records, rules.produce_version);
  if (!screened) {
    const Errc error = errc_of(screened.error());
    return refuse(error, screen_message(error));
  }
  const BatchHeader& header = screened.value();
  if (records.size() > rules.batch_bytes_max) {
    return refuse(Errc::message_too_large, "batch is larger than max.message.bytes");
  }
  if (records.size() > rules.segment_bytes_max) {
    return refuse(Errc::record_list_too_large, "batch is larger than a segment");
  }
  if (!batch_crc_matches(records)) {
    return refuse(Errc::corrupt_message, "checksum of the batch is wrong");
  }
  if (const auto fault = header_fault(header); !fault.empty()) {
    return refuse(Errc::invalid_record, fault);
  }
  const auto plain = record_bytes(header, records, decompressor, rules.decompressed_bytes_max);
  if (!plain) {
    const Errc error = errc_of(plain.error());
    // The checksum was right: these are the bytes the producer made, and sending them once more,
    // as clients do on corrupt_message, would not help.
    if (error == Errc::decompress_failed) return refuse(Errc::invalid_record, errc_text(error));
    return refuse(error, errc_text(error));
  }
  return judge_records(header, plain.value(), rules);
}

void apply_verdict(const BatchVerdict& verdict, const ProduceRules& rules, Offset base_offset,
                   LeaderEpoch leader_epoch, MutableByteView batch) {
  STRANDLINE_ASSERT(verdict.accepted());
  STRANDLINE_ASSERT(batch.size() == verdict.header.size_bytes());
  assign_batch_offset(batch, base_offset, leader_epoch);
  if (rules.timestamp_type == TimestampType::log_append_time) {
    assign_log_append_time(batch, verdict.max_timestamp);
  } else if (verdict.max_timestamp != verdict.header.max_timestamp) {
    assign_max_timestamp(batch, verdict.max_timestamp);
  }
}

}  // namespace strandline
