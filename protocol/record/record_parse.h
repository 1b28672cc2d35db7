// One record, its lengths read and checked. In a header because the loop over the records of a
// produced batch is the hottest of the broker: a call for each of them would double its cost.
//
// Thread   values and pure functions
// Owns     nothing
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/record/varint.h"

namespace strandline {

// One record as it lies in the batch, every length checked. Null and empty are different things: a
// null key or value has a null data().
struct RawRecord {
  std::int64_t timestamp_delta = 0;
  std::int32_t offset_delta = 0;
  std::int32_t key_bytes = -1;    // -1 null
  std::int32_t value_bytes = -1;  // -1 null
  std::int32_t header_count = 0;
  const std::byte* key = nullptr;
  const std::byte* value = nullptr;
  const std::byte* headers = nullptr;  // the first header
  const std::byte* end = nullptr;      // of the record
};

namespace detail {

// Reads a length and steps over that many bytes. `length` is -1 for null, which some fields forbid.
inline const std::byte* skip_field(const std::byte* at, const std::byte* end,
                                   std::int32_t length_min, const std::byte*& field,
                                   std::int32_t& length) {
  at = read_varint(at, end, length);
  if (at == nullptr || length < length_min) return nullptr;
  if (length < 0) {
    field = nullptr;
    return at;
  }
  if (length > end - at) return nullptr;
  field = at;
  return at + length;
}

// Steps over so many headers; nullptr when one does not fit.
const std::byte* skip_headers(const std::byte* at, const std::byte* end, std::int32_t count);

}  // namespace detail

// Reads the record at `at`; returns the byte after it, or nullptr when a number or a length does
// not fit into the record, or the record into the region. Headers are walked to their end as well.
inline const std::byte* parse_record(const std::byte* at, const std::byte* end, RawRecord& record) {
  std::int32_t length = 0;
  at = read_varint(at, end, length);
  if (at == nullptr || length < 1 || length > end - at) return nullptr;
  end = at + length;
  ++at;  // record attributes: no bit has a meaning, Kafka ignores them as well
  at = read_varlong(at, end, record.timestamp_delta);
  if (at == nullptr) return nullptr;
  at = read_varint(at, end, record.offset_delta);
  if (at == nullptr) return nullptr;
  at = detail::skip_field(at, end, -1, record.key, record.key_bytes);
  if (at == nullptr) return nullptr;
  at = detail::skip_field(at, end, -1, record.value, record.value_bytes);
  if (at == nullptr) return nullptr;
  at = read_varint(at, end, record.header_count);
  if (at == nullptr || record.header_count < 0) return nullptr;
  record.headers = at;
  record.end = end;
  if (record.header_count != 0) [[unlikely]] {
    at = detail::skip_headers(at, end, record.header_count);
  }
  // A record is exactly as long as it says.
  if (at != end) return nullptr;
  // The same place, but known from the length alone: the processor may begin with the next record
  // before it is done with the fields of this one.
  asm("" : "+r"(end));
  return end;
}

}  // namespace strandline
