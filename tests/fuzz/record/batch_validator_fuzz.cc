// Arbitrary bytes as what a producer sent. What the validator accepts must be readable in full, by
// the rules the validator says it holds.
#include <algorithm>
#include <vector>

#include "protocol/base/assertion.h"
#include "protocol/record/batch_layout.h"
#include "protocol/record/records.h"
#include "protocol/record/validate.h"

namespace strandline {
namespace {

constexpr std::size_t kControlBytes = 3;
constexpr std::size_t kPlainBytesMax = 1 << 20;

ProduceRules rules_from(ByteView control) {
  const auto flags = static_cast<unsigned>(control[0]);
  ProduceRules rules;
  rules.now = Timestamp{1'800'000'000'000};
  rules.decompressed_bytes_max = kPlainBytesMax;
  rules.produce_version = (flags & 1U) != 0 ? 6 : 13;
  rules.keys_required = (flags & 2U) != 0;
  if ((flags & 4U) != 0) rules.timestamp_type = TimestampType::log_append_time;
  if ((flags & 8U) != 0) rules.timestamp_before_ms_max = 86'400'000;
  if ((flags & 16U) != 0) rules.batch_bytes_max = 100;
  if ((flags & 32U) != 0) rules.segment_bytes_max = 80;
  return rules;
}

// What a fuzzer hardly finds by itself: a right length, a right checksum.
void repair(std::byte how, std::vector<std::byte>& batch) {
  if (batch.size() < kBatchHeaderBytes) return;
  if ((how & std::byte{1}) != std::byte{0}) {
    store_be(batch.data() + batch_layout::kBatchLengthAt,
             static_cast<std::int32_t>(batch.size() - kBatchPrefixBytes));
  }
  if ((how & std::byte{2}) != std::byte{0}) assign_batch_crc(batch);
}

void check_accepted(const BatchVerdict& verdict, const ProduceRules& rules,
                    std::vector<std::byte>& batch, Decompressor& decompressor) {
  std::int32_t count = 0;
  Timestamp greatest = kNoTimestamp;
  const auto walked =
      for_each_record(batch, decompressor, kPlainBytesMax, [&](const RecordView& record) {
        STRANDLINE_ASSERT(record.offset == Offset{count});
        STRANDLINE_ASSERT(!rules.keys_required || record.key.has_value());
        greatest = std::max(greatest, record.timestamp);
        ++count;
      });
  STRANDLINE_ASSERT(walked.has_value());
  STRANDLINE_ASSERT(count == verdict.header.record_count);
  const bool create_time = rules.timestamp_type == TimestampType::create_time;
  STRANDLINE_ASSERT(verdict.max_timestamp == (create_time ? greatest : rules.now));
  apply_verdict(verdict, rules, Offset{1000}, LeaderEpoch{3}, batch);
  STRANDLINE_ASSERT(batch_crc_matches(batch));
  STRANDLINE_ASSERT(parse_batch(batch).value().max_timestamp == verdict.max_timestamp);
}

}  // namespace
}  // namespace strandline

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace strandline;
  static Decompressor decompressor;
  const ByteView input{reinterpret_cast<const std::byte*>(data), size};
  if (size < kControlBytes) return 0;
  const ProduceRules rules = rules_from(input.first(kControlBytes));
  const ByteView sent = input.subspan(kControlBytes);
  std::vector<std::byte> batch(sent.begin(), sent.end());
  repair(input[1], batch);
  const BatchVerdict verdict = validate_produced_batch(batch, rules, decompressor);
  STRANDLINE_ASSERT(decompressor.buffer_bytes() <= kPlainBytesMax + 1);
  if (verdict.accepted()) {
    check_accepted(verdict, rules, batch, decompressor);
  } else {
    STRANDLINE_ASSERT(!verdict.message.empty());
    STRANDLINE_ASSERT(verdict.record_errors.size() <= kRecordErrorsMax);
  }
  return 0;
}
