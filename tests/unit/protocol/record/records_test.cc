#include "protocol/record/records.h"

#include <catch2/catch.hpp>
#include <string>

#include "protocol/base/errc.h"
#include "protocol/record/batch_layout.h"
#include "protocol/record/varint.h"
#include "tests/unit/protocol/record/vectors.h"

namespace strandline {
namespace {

using Bytes = std::vector<std::byte>;
using test::hex;

constexpr std::size_t kPlenty = 1 << 20;

std::vector<RecordView> read_all(ByteView batch, Decompressor& decompressor) {
  std::vector<RecordView> records;
  REQUIRE(for_each_record(batch, decompressor, kPlenty, [&](const RecordView& record) {
            records.push_back(record);
          }).has_value());
  return records;
}

// The first `count` records of a region, with a header that promises so many.
Result<int> count_records(ByteView region, std::int32_t count) {
  BatchHeader header;
  header.record_count = count;
  header.last_offset_delta = count - 1;
  RecordIterator walk{header, region};
  RecordView record;
  int seen = 0;
  while (true) {
    STRANDLINE_TRY(const bool more, walk.next(record));
    if (!more) return seen;
    ++seen;
  }
}

TEST_CASE("varint: numbers come back from the bytes they take", "[record]") {
  std::byte raw[kVarlongBytesMax];
  for (const std::int64_t value :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{63}, std::int64_t{64}, std::int64_t{-65},
        std::int64_t{8191}, std::int64_t{8192}, std::int64_t{INT32_MAX}, std::int64_t{INT32_MIN},
        std::int64_t{INT64_MAX}, std::int64_t{INT64_MIN}}) {
    std::byte* end = write_varlong(raw, value);
    REQUIRE(static_cast<std::size_t>(end - raw) == varlong_bytes(value));
    std::int64_t back = 0;
    REQUIRE(read_varlong(raw, end, back) == end);
    CHECK(back == value);
    CHECK(read_varlong(raw, end - 1, back) == nullptr);
    if (value != static_cast<std::int32_t>(value)) continue;
    end = write_varint(raw, static_cast<std::int32_t>(value));
    REQUIRE(static_cast<std::size_t>(end - raw) == varint_bytes(static_cast<std::int32_t>(value)));
    std::int32_t small = 0;
    REQUIRE(read_varint(raw, end, small) == end);
    CHECK(small == value);
  }
}

TEST_CASE("varint: more than 5 or 10 bytes, or bits beyond the width, are refused", "[record]") {
  std::int32_t value = 0;
  std::int64_t wide = 0;
  const auto refused = [&](std::string_view text) {
    const Bytes bytes = hex(text);
    return read_varint(bytes.data(), bytes.data() + bytes.size(), value) == nullptr;
  };
  const auto refused_wide = [&](std::string_view text) {
    const Bytes bytes = hex(text);
    return read_varlong(bytes.data(), bytes.data() + bytes.size(), wide) == nullptr;
  };
  CHECK_FALSE(refused("ffffffff0f"));
  CHECK(value == INT32_MIN);
  CHECK(refused("ffffffff10"));
  CHECK(refused("ffffffff8f00"));
  CHECK_FALSE(refused("8000"));  // longer than needed, and still the number 0
  CHECK(value == 0);
  CHECK_FALSE(refused_wide("ffffffffffffffffff01"));
  CHECK(wide == INT64_MIN);
  CHECK(refused_wide("ffffffffffffffffff02"));
  CHECK(refused_wide("ffffffffffffffffff8100"));
  CHECK(refused_wide(""));
}

TEST_CASE("records: a batch captured from librdkafka reads with its header", "[record]") {
  const Bytes batch = hex(test::kBatchA);
  Decompressor decompressor;
  const auto records = read_all(batch, decompressor);
  REQUIRE(records.size() == 1);
  CHECK(records[0].offset == Offset{0});
  CHECK(records[0].timestamp == Timestamp{0x1a1fbbaf7bf});
  CHECK(as_text(records[0].key.value()) == "k1");
  CHECK(as_text(records[0].value.value()) == "v1");
  REQUIRE(records[0].headers.size() == 1);
  CHECK(records[0].headers.begin()->key == "h");
  CHECK(as_text(records[0].headers.begin()->value.value()) == "x");
}

TEST_CASE("records: null keys, values and header values are told from empty ones", "[record]") {
  const Bytes batch = hex(test::kTransactionalBatch);
  Decompressor decompressor;
  const auto records = read_all(batch, decompressor);
  REQUIRE(records.size() == 2);
  CHECK_FALSE(records[0].key.has_value());
  CHECK(as_text(records[0].value.value()) == "a");
  CHECK(records[0].headers.empty());
  CHECK(records[0].headers.begin() == records[0].headers.end());
  CHECK(as_text(records[1].key.value()) == "k");
  CHECK_FALSE(records[1].value.has_value());
  CHECK(records[1].timestamp == Timestamp{0x18bcfe56805});
  REQUIRE(records[1].headers.size() == 1);
  CHECK_FALSE(records[1].headers.begin()->value.has_value());

  // Length 12, key and value of 0 bytes, one header with empty key and value.
  const Bytes empties = hex("10 00 00 00 00 00 02 00 00");
  RawRecord raw;
  REQUIRE(parse_record(empties.data(), empties.data() + empties.size(), raw) != nullptr);
  CHECK(raw.key_bytes == 0);
  CHECK(raw.key != nullptr);
  CHECK(RecordHeadersView{raw}.begin()->key.empty());
  CHECK(RecordHeadersView{raw}.begin()->value.has_value());
}

TEST_CASE("records: with append time every record has the batch's greatest time", "[record]") {
  Bytes batch = hex(test::kTransactionalBatch);
  assign_log_append_time(batch, Timestamp{77});
  assign_batch_offset(batch, Offset{1000}, LeaderEpoch{1});
  Decompressor decompressor;
  const auto records = read_all(batch, decompressor);
  CHECK(records[0].timestamp == Timestamp{77});
  CHECK(records[1].timestamp == Timestamp{77});
  CHECK(records[1].offset == Offset{1001});
}

TEST_CASE("records: a walk can be ended early", "[record]") {
  const Bytes batch = hex(test::kBatchB);
  Decompressor decompressor;
  int seen = 0;
  CHECK(for_each_record(batch, decompressor, kPlenty, [&](const RecordView&) {
          ++seen;
          return false;
        }).has_value());
  CHECK(seen == 1);
}

TEST_CASE("records: cut at any byte the region is damaged", "[record]") {
  const Bytes batch = hex(test::kTransactionalBatch);
  for (std::size_t cut = kBatchHeaderBytes; cut < batch.size(); ++cut) {
    const Bytes region(batch.begin() + kBatchHeaderBytes, batch.begin() + static_cast<long>(cut));
    CHECK(count_records(region, 2).error() == Errc::corrupt_batch);
  }
}

TEST_CASE("records: lengths that contradict each other are damage", "[record]") {
  const auto damaged = [](std::string_view text) {
    return count_records(hex(text), 1).has_error();
  };
  CHECK(damaged("0e 00 00 00 02 6b 02 76 00"));  // the last field reaches past the record
  CHECK_FALSE(damaged("10 00 00 00 02 6b 02 76 00"));
  CHECK(damaged("12 00 00 00 02 6b 02 76 00"));        // record longer than the region
  CHECK(damaged("12 00 00 00 02 6b 02 76 00 00"));     // a byte in the record that is no field
  CHECK(damaged("10 00 00 00 02 6b 02 76 00 00"));     // a byte after the last record
  CHECK(damaged("10 00 00 00 03 6b 02 76 00"));        // key length -2
  CHECK(damaged("10 00 00 00 02 6b 03 76 00"));        // value length -2
  CHECK(damaged("10 00 00 00 02 6b 7e 76 00"));        // value longer than the record
  CHECK(damaged("10 00 00 00 02 6b 02 76 01"));        // header count -1
  CHECK(damaged("10 00 00 00 02 6b 02 76 02"));        // one header promised, none there
  CHECK(damaged("14 00 00 00 02 6b 02 76 02 01 00"));  // header key null
  CHECK(damaged("14 00 00 00 02 6b 02 76 02 00 03"));  // header value length -2
  CHECK(damaged("18 00 00 00 02 6b 02 76 fe ff ff ff 0f"));  // two thousand million headers
  CHECK(damaged("00"));                                      // no record is empty
  CHECK(damaged("01 00"));                                   // nor of negative length
  CHECK(damaged("fe ff ff ff 0f 00"));                       // nor of two gigabytes
}

TEST_CASE("records: fewer or more records than the header says are damage", "[record]") {
  const Bytes batch = hex(test::kBatchB);
  const ByteView region = ByteView{batch}.subspan(kBatchHeaderBytes);
  CHECK(count_records(region, 2).value() == 2);
  CHECK(count_records(region, 1).error() == Errc::corrupt_batch);
  CHECK(count_records(region, 3).error() == Errc::corrupt_batch);
  CHECK(count_records(region, -1).error() == Errc::corrupt_batch);
  CHECK(count_records(region, 0).error() == Errc::corrupt_batch);
  CHECK(count_records({}, 0).value() == 0);
}

TEST_CASE("records: gaps that compaction left are read, offsets outside the batch are not",
          "[record]") {
  BatchHeader header;
  header.base_offset = Offset{100};
  header.record_count = 1;
  header.last_offset_delta = 9;
  RecordView record;
  const Bytes at_nine = hex("10 00 00 12 02 6b 02 76 00");
  CHECK(RecordIterator(header, at_nine).next(record).value());
  CHECK(record.offset == Offset{109});
  const Bytes at_ten = hex("10 00 00 14 02 6b 02 76 00");
  CHECK(RecordIterator(header, at_ten).next(record).error() == Errc::corrupt_batch);
  const Bytes at_minus_one = hex("10 00 00 01 02 6b 02 76 00");
  CHECK(RecordIterator(header, at_minus_one).next(record).error() == Errc::corrupt_batch);
  header.base_offset = Offset{INT64_MAX - 5};
  CHECK(RecordIterator(header, at_nine).next(record).error() == Errc::corrupt_batch);
}

TEST_CASE("records: after damage the iterator stays at it", "[record]") {
  BatchHeader header;
  header.record_count = 2;
  header.last_offset_delta = 1;
  const Bytes region = hex("10 00 00 00 02 6b 02 76 00 ff");
  RecordIterator walk{header, region};
  RecordView record;
  CHECK(walk.next(record).value());
  CHECK(walk.next(record).error() == Errc::corrupt_batch);
  CHECK(walk.next(record).error() == Errc::corrupt_batch);
}

TEST_CASE("records: an unknown codec is refused, an emptied compressed batch is empty",
          "[record]") {
  Bytes batch = hex(test::kBatchA);
  Decompressor decompressor;
  batch[22] = std::byte{5};
  CHECK(for_each_record(batch, decompressor, kPlenty, [](const RecordView&) {}).error() ==
        Errc::unsupported_compression_type);
  batch.resize(kBatchHeaderBytes);
  batch[22] = std::byte{4};
  store_be<std::int32_t>(batch.data() + batch_layout::kBatchLengthAt, 49);
  store_be<std::int32_t>(batch.data() + batch_layout::kRecordCountAt, 0);
  CHECK(read_all(batch, decompressor).empty());
}

}  // namespace
}  // namespace strandline
