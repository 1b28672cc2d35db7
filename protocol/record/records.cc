#include "protocol/record/records.h"

#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"

namespace strandline {

namespace {

std::optional<ByteView> nullable(const std::byte* data, std::int32_t length) {
  if (length < 0) return std::nullopt;
  return ByteView{data, static_cast<std::size_t>(length)};
}

}  // namespace

const std::byte* detail::skip_headers(const std::byte* at, const std::byte* end,
                                      std::int32_t count) {
  const std::byte* field = nullptr;
  std::int32_t length = 0;
  for (; count > 0; --count) {
    at = skip_field(at, end, 0, field, length);
    if (at == nullptr) return nullptr;
    at = skip_field(at, end, -1, field, length);
    if (at == nullptr) return nullptr;
  }
  return at;
}

RecordHeadersView::Iterator::Iterator(const std::byte* at, const std::byte* end, std::int32_t left)
    : at_(at), end_(end), left_(left) {
  if (left_ > 0) read();
}

RecordHeadersView::Iterator& RecordHeadersView::Iterator::operator++() {
  if (--left_ > 0) read();
  return *this;
}

void RecordHeadersView::Iterator::read() {
  const std::byte* field = nullptr;
  std::int32_t length = 0;
  at_ = detail::skip_field(at_, end_, 0, field, length);
  STRANDLINE_ASSERT(at_ != nullptr);  // parse_record() walked here before
  header_.key = as_text({field, static_cast<std::size_t>(length)});
  at_ = detail::skip_field(at_, end_, -1, field, length);
  STRANDLINE_ASSERT(at_ != nullptr);
  header_.value = nullable(field, length);
}

Result<bool> RecordIterator::next(RecordView& record) {
  if (left_ <= 0) {
    if (left_ < 0 || at_ != end_) return Errc::corrupt_batch;
    return false;
  }
  RawRecord raw;
  at_ = parse_record(at_, end_, raw);
  if (at_ == nullptr) {
    at_ = end_;
    left_ = -1;  // asked again, the answer stays the same
    return Errc::corrupt_batch;
  }
  --left_;
  std::int64_t offset = 0;
  if (raw.offset_delta < 0 || raw.offset_delta > header_.last_offset_delta ||
      __builtin_add_overflow(header_.base_offset.value(), raw.offset_delta, &offset)) {
    left_ = -1;
    return Errc::corrupt_batch;
  }
  record.offset = Offset{offset};
  record.timestamp = header_.timestamp_type() == TimestampType::log_append_time
                         ? header_.max_timestamp
                         : record_time(header_.base_timestamp, raw.timestamp_delta);
  record.key = nullable(raw.key, raw.key_bytes);
  record.value = nullable(raw.value, raw.value_bytes);
  record.headers = RecordHeadersView{raw};
  return true;
}

Result<ByteView> record_bytes(const BatchHeader& header, ByteView batch, Decompressor& decompressor,
                              std::size_t bytes_max) {
  if (header.codec_bits() > static_cast<std::uint8_t>(Codec::zstd)) {
    return Errc::unsupported_compression_type;
  }
  const ByteView region = batch.subspan(kBatchHeaderBytes);
  const auto codec = static_cast<Codec>(header.codec_bits());
  // Compaction leaves batches without records; there is nothing to decompress in them.
  if (codec == Codec::none || region.empty()) return region;
  return decompressor.decompress(codec, region, bytes_max);
}

}  // namespace strandline
