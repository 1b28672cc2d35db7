// Records inside a batch, read in place: keys, values and headers are views into the batch or into
// the Decompressor's buffer.
//
// Thread   values and pure functions
// Owns     nothing
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include "protocol/base/bytes.h"
#include "protocol/base/clock.h"
#include "protocol/base/ids.h"
#include "protocol/base/result.h"
#include "protocol/record/batch.h"
#include "protocol/record/compression.h"
#include "protocol/record/record_parse.h"

namespace strandline {

// The time of a record with that delta. It wraps where 64 bits end, as it does in Java's readers.
inline Timestamp record_time(Timestamp base, std::int64_t delta) {
  return Timestamp{static_cast<std::int64_t>(static_cast<std::uint64_t>(base.value()) +
                                             static_cast<std::uint64_t>(delta))};
}

struct RecordHeaderView {
  std::string_view key;
  std::optional<ByteView> value;
};

// The headers of one record, in their order; keys may repeat.
class RecordHeadersView {
 public:
  class Iterator {
   public:
    Iterator(const std::byte* at, const std::byte* end, std::int32_t left);
    const RecordHeaderView& operator*() const { return header_; }
    const RecordHeaderView* operator->() const { return &header_; }
    Iterator& operator++();
    bool operator==(const Iterator& other) const { return left_ == other.left_; }

   private:
    void read();

    const std::byte* at_;
    const std::byte* end_;
    std::int32_t left_;
    RecordHeaderView header_;
  };

  RecordHeadersView() = default;
  // Needs a record that parse_record() accepted.
  explicit RecordHeadersView(const RawRecord& record)
      : at_(record.headers), end_(record.end), count_(record.header_count) {}

  std::int32_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  Iterator begin() const { return {at_, end_, count_}; }
  Iterator end() const { return {end_, end_, 0}; }

 private:
  const std::byte* at_ = nullptr;
  const std::byte* end_ = nullptr;
  std::int32_t count_ = 0;
};

struct RecordView {
  Offset offset;
  Timestamp timestamp;
  std::optional<ByteView> key;
  std::optional<ByteView> value;
  RecordHeadersView headers;
};

// Walks the records of one batch.
class RecordIterator {
 public:
  // records   the region after the batch header, decompressed
  RecordIterator(const BatchHeader& header, ByteView records)
      : header_(header),
        at_(records.data()),
        end_(at_ + records.size()),
        left_(header.record_count) {}

  // Fills `record` with the next one; false when all were read.
  //
  // Errors   corrupt_batch   a record does not fit, its offset lies outside the batch, or bytes
  //                          follow the last record
  Result<bool> next(RecordView& record);

 private:
  BatchHeader header_;
  const std::byte* at_;
  const std::byte* end_;
  std::int32_t left_;
};

// The uncompressed records region of a whole batch.
//
// bytes_max   bound on what compressed records may become
// Errors      unsupported_compression_type   codec bits 5 to 7
//             decompress_failed, decompressed_too_large
Result<ByteView> record_bytes(const BatchHeader& header, ByteView batch, Decompressor& decompressor,
                              std::size_t bytes_max);

// Calls fn(const RecordView&) for each record of the batch at the front of `batch`, which may go on
// beyond it. Where fn returns bool, false ends the walk early, and well. The checksum is not looked
// at.
//
// Errors   as parse_batch, record_bytes and RecordIterator::next
template <class Fn>
Result<void> for_each_record(ByteView batch, Decompressor& decompressor, std::size_t bytes_max,
                             Fn&& fn) {
  STRANDLINE_TRY(auto header, parse_batch(batch));
  STRANDLINE_TRY(auto records,
                 record_bytes(header, batch.first(header.size_bytes()), decompressor, bytes_max));
  RecordIterator walk{header, records};
  RecordView record;
  while (true) {
    STRANDLINE_TRY(const bool more, walk.next(record));
    if (!more) return success();
    if constexpr (std::is_same_v<std::invoke_result_t<Fn&, const RecordView&>, bool>) {
      if (!fn(std::as_const(record))) return success();
    } else {
      fn(std::as_const(record));
    }
  }
}

}  // namespace strandline
