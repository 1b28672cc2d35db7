#include "protocol/record/batch.h"

#include <catch2/catch.hpp>

#include "protocol/base/errc.h"
#include "protocol/record/batch_layout.h"
#include "tests/unit/protocol/record/vectors.h"

namespace strandline {
namespace {

using test::hex;

TEST_CASE("batch: a batch captured from librdkafka reads field by field", "[record]") {
  const auto bytes = hex(test::kBatchA);
  REQUIRE(bytes.size() == 76);
  const BatchHeader h = parse_batch(bytes).value();
  CHECK(h.base_offset == Offset{0});
  CHECK(h.batch_length == 64);
  CHECK(h.size_bytes() == bytes.size());
  CHECK(h.leader_epoch == LeaderEpoch{0});
  CHECK(h.magic == 2);
  CHECK(h.crc == 0x609232edU);
  CHECK(h.attributes == 0);
  CHECK(h.last_offset_delta == 0);
  CHECK(h.base_timestamp == Timestamp{0x1a1fbbaf7bf});
  CHECK(h.max_timestamp == Timestamp{0x1a1fbbaf7bf});
  CHECK(h.producer_id == kNoProducerId);
  CHECK(h.producer_epoch == kNoProducerEpoch);
  CHECK(h.base_sequence == kNoSequence);
  CHECK(h.record_count == 1);
  CHECK_FALSE(h.has_producer());
  CHECK(batch_crc_matches(bytes));
}

TEST_CASE("batch: a commit marker is control and transactional", "[record]") {
  const auto bytes = hex(test::kCommitMarker);
  const BatchHeader h = parse_batch(bytes).value();
  CHECK(h.base_offset == Offset{42});
  CHECK(h.next_offset() == Offset{43});
  CHECK(h.leader_epoch == LeaderEpoch{5});
  CHECK(h.is_control());
  CHECK(h.is_transactional());
  CHECK(h.producer_id == ProducerId{1000});
  CHECK(h.producer_epoch == ProducerEpoch{3});
  CHECK(h.base_sequence == kNoSequence);
  CHECK(batch_crc_matches(bytes));
}

TEST_CASE("batch: sequences wrap inside a batch", "[record]") {
  const auto bytes = hex(test::kTransactionalBatch);
  const BatchHeader h = parse_batch(bytes).value();
  CHECK(h.base_sequence == Sequence{2147483647});
  CHECK(h.last_sequence() == Sequence{0});
  CHECK(sequence_after(h.last_sequence(), 1) == Sequence{1});
  CHECK(h.leader_epoch == kNoLeaderEpoch);
  CHECK(batch_crc_matches(bytes));
}

TEST_CASE("batch: cut at any byte it is truncated, never read beyond", "[record]") {
  const auto whole = hex(test::kBatchB);
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    // A copy of exactly that size, so that the sanitizer sees a read past the
    // cut.
    const std::vector<std::byte> part(whole.begin(), whole.begin() + static_cast<long>(cut));
    CHECK(parse_batch(part).error() == Errc::truncated_frame);
    CHECK(parse_batch_header(part).has_value() == (cut >= kBatchHeaderBytes));
  }
}

TEST_CASE("batch: bytes after the batch are left alone", "[record]") {
  auto bytes = hex(test::kBatchA);
  const std::size_t size = bytes.size();
  bytes.resize(size + 30);
  CHECK(parse_batch(bytes).value().size_bytes() == size);
}

TEST_CASE("batch: another magic is refused before anything else is believed", "[record]") {
  auto bytes = hex(test::kBatchA);
  store_be<std::int32_t>(bytes.data() + 8, -1);
  for (const int magic : {0, 1, 3, -1}) {
    bytes[16] = static_cast<std::byte>(magic);
    CHECK(parse_batch_header(bytes).error() == Errc::unsupported_magic);
  }
}

TEST_CASE("batch: a length below that of an empty batch is damage", "[record]") {
  auto bytes = hex(test::kBatchA);
  for (const std::int32_t length : {48, 0, -1, INT32_MIN}) {
    store_be(bytes.data() + 8, length);
    CHECK(parse_batch_header(bytes).error() == Errc::corrupt_batch);
    CHECK(parse_batch(bytes).error() == Errc::corrupt_batch);
  }
  store_be<std::int32_t>(bytes.data() + 8, INT32_MAX);
  CHECK(parse_batch(bytes).error() == Errc::truncated_frame);
}

TEST_CASE("batch: any flipped bit from the attributes on breaks the checksum", "[record]") {
  auto bytes = hex(test::kBatchA);
  for (std::size_t at = batch_layout::kCrcAt; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      bytes[at] ^= static_cast<std::byte>(1 << bit);
      CHECK_FALSE(batch_crc_matches(bytes));
      bytes[at] ^= static_cast<std::byte>(1 << bit);
    }
  }
  CHECK(batch_crc_matches(bytes));
}

TEST_CASE("batch: the leader's offset and epoch do not disturb the checksum", "[record]") {
  auto bytes = hex(test::kBatchB);
  assign_batch_offset(bytes, Offset{1'234'567'890'123}, LeaderEpoch{77});
  const BatchHeader h = parse_batch(bytes).value();
  CHECK(h.base_offset == Offset{1'234'567'890'123});
  CHECK(h.last_offset() == Offset{1'234'567'890'124});
  CHECK(h.leader_epoch == LeaderEpoch{77});
  CHECK(batch_crc_matches(bytes));
}

TEST_CASE(
    "batch: append time sets bit 3 and the greatest time, with a right "
    "checksum",
    "[record]") {
  auto bytes = hex(test::kTransactionalBatch);
  assign_log_append_time(bytes, Timestamp{1'700'000'000'123});
  const BatchHeader h = parse_batch(bytes).value();
  CHECK(h.timestamp_type() == TimestampType::log_append_time);
  CHECK(h.is_transactional());
  CHECK(h.max_timestamp == Timestamp{1'700'000'000'123});
  CHECK(h.base_timestamp == Timestamp{0x18bcfe56800});
  CHECK(batch_crc_matches(bytes));
}

TEST_CASE("batch: a corrected greatest time keeps the type of time", "[record]") {
  auto bytes = hex(test::kBatchA);
  assign_max_timestamp(bytes, Timestamp{5});
  const BatchHeader h = parse_batch(bytes).value();
  CHECK(h.timestamp_type() == TimestampType::create_time);
  CHECK(h.max_timestamp == Timestamp{5});
  CHECK(batch_crc_matches(bytes));
}

}  // namespace
}  // namespace strandline
