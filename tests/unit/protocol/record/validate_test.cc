#include "protocol/record/validate.h"

#include <catch2/catch.hpp>
#include <functional>
#include <string>

#include "protocol/base/prng.h"
#include "protocol/record/batch_layout.h"
#include "protocol/record/builder.h"
#include "tests/unit/protocol/record/vectors.h"

namespace strandline {
namespace {

using namespace batch_layout;
using Bytes = std::vector<std::byte>;
using test::hex;

constexpr Timestamp kNow{1'800'000'000'000};
constexpr Codec kCodecs[] = {Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd};

struct ValidateHarness {
  ProduceRules rules{.now = kNow};
  Compressor compressor;
  Decompressor decompressor;
  BatchBuilder builder;

  ValidateHarness& record(std::optional<ByteView> key, std::int64_t time = kNow.value()) {
    builder.append({key, as_bytes("value"), Timestamp{time}, {}});
    return *this;
  }
  Bytes batch(const BatchOptions& options = {}) {
    if (builder.empty()) record(as_bytes("key")).record(as_bytes("key"));
    Bytes out;
    builder.build(options, compressor, out);
    return out;
  }
  BatchVerdict judge(ByteView batch) { return validate_produced_batch(batch, rules, decompressor); }

  // A good batch after `change`, its checksum made right again.
  Errc error_after(const std::function<void(Bytes&)>& change) {
    Bytes bytes = batch();
    change(bytes);
    if (bytes.size() >= kBatchHeaderBytes) assign_batch_crc(bytes);
    return judge(bytes).error;
  }
};

template <class T>
auto put(std::size_t at, T value) {
  return [=](Bytes& batch) { store_be(batch.data() + at, value); };
}

TEST_CASE("validate: batches captured from clients are accepted", "[record][validate]") {
  ValidateHarness t;
  for (const auto vector : {test::kBatchA, test::kBatchB, test::kTransactionalBatch}) {
    const Bytes batch = hex(vector);
    const BatchVerdict verdict = t.judge(batch);
    CHECK(verdict.accepted());
    CHECK(verdict.max_timestamp == verdict.header.max_timestamp);
    CHECK(verdict.header.size_bytes() == batch.size());
    CHECK(verdict.record_errors.empty());
    CHECK(verdict.message.empty());
  }
}

TEST_CASE("validate: a batch is accepted under every codec, and says where the greatest time is",
          "[record][validate]") {
  for (const Codec codec : kCodecs) {
    ValidateHarness t;
    t.record({}, 10).record({}, 30).record({}, 20).record({}, 30);
    const BatchVerdict verdict = t.judge(t.batch({.codec = codec}));
    REQUIRE(verdict.accepted());
    CHECK(verdict.max_timestamp == Timestamp{30});
    CHECK(verdict.max_timestamp_delta == 1);
  }
}

TEST_CASE("validate: nothing, two batches and older formats are invalid records",
          "[record][validate]") {
  ValidateHarness t;
  CHECK(t.judge({}).error == Errc::invalid_record);
  Bytes two = t.batch();
  const Bytes one = two;
  two.insert(two.end(), one.begin(), one.end());
  CHECK(t.judge(two).error == Errc::invalid_record);
  CHECK(t.error_after([](Bytes& b) { b.push_back(std::byte{0}); }) == Errc::invalid_record);
  for (const int magic : {0, 1, 3}) {
    CHECK(t.error_after(put(kMagicAt, static_cast<std::int8_t>(magic))) == Errc::invalid_record);
  }
  // A whole message of format 0: 8 bytes offset, 4 size, 4 checksum, magic 0, attributes, key,
  // value.
  const Bytes old = hex("0000000000000000 0000000f 00000000 00 00 ffffffff 00000001 61");
  CHECK(t.judge(old).error == Errc::invalid_record);
}

TEST_CASE("validate: cut at any byte a batch is corrupt", "[record][validate]") {
  ValidateHarness t;
  const Bytes whole = t.batch();
  for (std::size_t cut = 1; cut < whole.size(); ++cut) {
    const Bytes part(whole.begin(), whole.begin() + static_cast<long>(cut));
    REQUIRE(t.judge(part).error == Errc::corrupt_message);
  }
}

TEST_CASE("validate: any flipped bit is found", "[record][validate]") {
  ValidateHarness t;
  Bytes batch = t.batch();
  for (std::size_t at = 0; at < batch.size(); ++at) {
    // The leader epoch is the leader's to write: what a producer says there does not matter.
    if (at >= kLeaderEpochAt && at < kMagicAt) continue;
    for (int bit = 0; bit < 8; ++bit) {
      batch[at] ^= static_cast<std::byte>(1 << bit);
      REQUIRE_FALSE(t.judge(batch).accepted());
      batch[at] ^= static_cast<std::byte>(1 << bit);
    }
  }
}

TEST_CASE("validate: size fields and checksum that do not match are corrupt",
          "[record][validate]") {
  ValidateHarness t;
  for (const std::int32_t length : {-1, 0, 48, INT32_MAX}) {
    CHECK(t.error_after(put(kBatchLengthAt, length)) == Errc::corrupt_message);
  }
  Bytes batch = t.batch();
  batch.back() ^= std::byte{1};
  CHECK(t.judge(batch).error == Errc::corrupt_message);
}

TEST_CASE("validate: zstd needs version 7 of the request, unknown codecs are never taken",
          "[record][validate]") {
  ValidateHarness t;
  const Bytes batch = t.batch({.codec = Codec::zstd});
  t.rules.produce_version = 6;
  CHECK(t.judge(batch).error == Errc::unsupported_compression_type);
  CHECK(screen_produced_batch(batch, 6).error() == Errc::unsupported_compression_type);
  t.rules.produce_version = 7;
  CHECK(t.judge(batch).accepted());
  CHECK(screen_produced_batch(batch, 7).has_value());
  for (const int codec : {5, 6, 7}) {
    CHECK(t.error_after(put(kAttributesAt, static_cast<std::uint16_t>(codec))) ==
          Errc::unsupported_compression_type);
  }
}

TEST_CASE("validate: the topic's and the segment's size bound the batch as it is compressed",
          "[record][validate]") {
  ValidateHarness t;
  const Bytes batch = t.batch();
  t.rules.batch_bytes_max = batch.size();
  t.rules.segment_bytes_max = batch.size();
  CHECK(t.judge(batch).accepted());
  t.rules.segment_bytes_max = batch.size() - 1;
  CHECK(t.judge(batch).error == Errc::record_list_too_large);
  t.rules.batch_bytes_max = batch.size() - 1;
  CHECK(t.judge(batch).error == Errc::message_too_large);
}

TEST_CASE("validate: the first reason in Kafka's order is the one that is told",
          "[record][validate]") {
  ValidateHarness t;
  Bytes batch = t.batch();
  batch[batch.size() - 1] ^= std::byte{1};                     // checksum wrong
  store_be(batch.data() + kBaseOffsetAt, std::int64_t{7});     // base offset wrong
  store_be(batch.data() + kAttributesAt, std::uint16_t{0x8});  // type of time set
  t.rules.batch_bytes_max = 10;
  CHECK(t.judge(batch).error == Errc::message_too_large);
  t.rules.batch_bytes_max = 1000;
  CHECK(t.judge(batch).error == Errc::corrupt_message);
  batch[batch.size() - 1] ^= std::byte{1};
  assign_batch_crc(batch);
  CHECK(t.judge(batch).error == Errc::invalid_record);
  store_be(batch.data() + kBaseOffsetAt, std::int64_t{0});
  CHECK(t.judge(batch).error == Errc::invalid_timestamp);
}

TEST_CASE("validate: headers that contradict themselves are invalid", "[record][validate]") {
  ValidateHarness t;
  CHECK(t.error_after([](Bytes&) {}) == Errc::ok);
  CHECK(t.error_after(put(kBaseOffsetAt, std::int64_t{1})) == Errc::invalid_record);
  CHECK(t.error_after(put(kBaseOffsetAt, std::int64_t{-1})) == Errc::invalid_record);
  CHECK(t.error_after(put(kRecordCountAt, 0)) == Errc::invalid_record);
  CHECK(t.error_after(put(kRecordCountAt, -1)) == Errc::invalid_record);
  CHECK(t.error_after(put(kRecordCountAt, 3)) == Errc::invalid_record);
  CHECK(t.error_after(put(kLastOffsetDeltaAt, 0)) == Errc::invalid_record);
  CHECK(t.error_after(put(kLastOffsetDeltaAt, INT32_MAX)) == Errc::invalid_record);
  CHECK(t.error_after(put(kAttributesAt, kControlBit)) == Errc::invalid_record);
  CHECK(t.error_after(put(kAttributesAt, kDeleteHorizonBit)) == Errc::invalid_record);
  CHECK(t.error_after(put(kAttributesAt, std::uint16_t{0x8000})) == Errc::invalid_record);
  CHECK(t.error_after(put(kAttributesAt, kTransactionalBit)) == Errc::invalid_record);
  CHECK(t.judge(hex(test::kCommitMarker)).error == Errc::invalid_record);
}

TEST_CASE("validate: a producer with an id needs a sequence and an epoch", "[record][validate]") {
  ValidateHarness t;
  const auto judged = [&](std::int16_t epoch, std::int32_t sequence) {
    return t
        .judge(t.batch({.producer_id = ProducerId{4},
                        .producer_epoch = ProducerEpoch{epoch},
                        .base_sequence = Sequence{sequence}}))
        .error;
  };
  CHECK(judged(0, 0) == Errc::ok);
  CHECK(judged(0, INT32_MAX) == Errc::ok);
  CHECK(judged(0, -1) == Errc::invalid_record);
  CHECK(judged(-1, 0) == Errc::invalid_record);
}

TEST_CASE("validate: a producer without an id may carry any epoch and sequence",
          "[record][validate]") {
  ValidateHarness t;
  CHECK(t.judge(t.batch({.producer_epoch = ProducerEpoch{9}, .base_sequence = Sequence{-7}}))
            .accepted());
}

TEST_CASE("validate: offset deltas must be 0, 1, 2 and so on", "[record][validate]") {
  ValidateHarness t;
  const std::size_t second = kBatchHeaderBytes + 15;  // each record takes 15 bytes
  CHECK(t.error_after([&](Bytes& b) { REQUIRE(b[second + 3] == std::byte{2}); }) == Errc::ok);
  CHECK(t.error_after(put(second + 3, std::int8_t{4})) == Errc::invalid_record);
  CHECK(t.error_after(put(second + 3, std::int8_t{0})) == Errc::invalid_record);
  CHECK(t.error_after(put(kBatchHeaderBytes + 3, std::int8_t{2})) == Errc::invalid_record);
}

TEST_CASE("validate: records that do not fit are invalid under every codec", "[record][validate]") {
  for (const Codec codec : kCodecs) {
    ValidateHarness t;
    Bytes batch = t.batch();
    Bytes region(batch.begin() + kBatchHeaderBytes, batch.end());
    region.back() = std::byte{2};  // one header promised, none there
    batch.resize(kBatchHeaderBytes);
    t.compressor.compress(codec, region, {}, batch);
    store_be(batch.data() + kAttributesAt, static_cast<std::uint16_t>(codec));
    store_be(batch.data() + kBatchLengthAt, static_cast<std::int32_t>(batch.size()) - 12);
    assign_batch_crc(batch);
    CHECK(t.judge(batch).error == Errc::invalid_record);
  }
}

TEST_CASE("validate: damaged compression is final, bombs are too large", "[record][validate]") {
  ValidateHarness t;
  CHECK(t.error_after(put(kAttributesAt, std::uint16_t{1})) == Errc::invalid_record);
  CHECK(t.error_after(put(kAttributesAt, std::uint16_t{4})) == Errc::invalid_record);
  BatchBuilder big;
  const Bytes zeros(10'000'000);
  big.append({std::nullopt, ByteView{zeros}, kNow, {}});
  Bytes bomb;
  big.build({.codec = Codec::zstd}, t.compressor, bomb);
  REQUIRE(bomb.size() < 2000);
  t.rules.decompressed_bytes_max = 1'000'000;
  const BatchVerdict verdict = t.judge(bomb);
  CHECK(verdict.error == Errc::decompressed_too_large);
  CHECK(kafka_code(verdict.error) == 10);
  CHECK(t.decompressor.buffer_bytes() <= 1'000'001);
}

TEST_CASE("validate: the type of time is not the producer's to set", "[record][validate]") {
  ValidateHarness t;
  CHECK(t.error_after(put(kAttributesAt, kLogAppendTimeBit)) == Errc::invalid_timestamp);
}

TEST_CASE("validate: records outside the time bounds are named, each of them",
          "[record][validate]") {
  ValidateHarness t;
  t.rules.timestamp_before_ms_max = 1000;
  t.rules.timestamp_after_ms_max = 500;
  const std::int64_t now = kNow.value();
  t.record({}, now - 1000).record({}, now - 1001).record({}, now + 500).record({}, now + 501);
  const BatchVerdict verdict = t.judge(t.batch());
  CHECK(verdict.error == Errc::invalid_timestamp);
  CHECK_FALSE(verdict.message.empty());
  REQUIRE(verdict.record_errors.size() == 2);
  CHECK(verdict.record_errors[0].batch_index == 1);
  CHECK(verdict.record_errors[1].batch_index == 3);
  CHECK_FALSE(verdict.record_errors[0].message.empty());
}

TEST_CASE("validate: by default an hour ahead is the limit and the past is open",
          "[record][validate]") {
  ValidateHarness t;
  const std::int64_t hour = 3'600'000;
  CHECK(t.record({}, 0).record({}, kNow.value() + hour).judge(t.batch()).accepted());
  CHECK(t.record({}, kNow.value() + hour + 1).judge(t.batch()).error == Errc::invalid_timestamp);
}

TEST_CASE("validate: records without a time, and topics with append time, know no bounds",
          "[record][validate]") {
  ValidateHarness t;
  t.rules.timestamp_before_ms_max = 0;
  t.rules.timestamp_after_ms_max = 0;
  t.record({}, -1);
  CHECK(t.judge(t.batch()).accepted());
  CHECK(t.judge(t.batch()).max_timestamp == kNoTimestamp);
  t.record({}, 5);
  CHECK(t.judge(t.batch()).error == Errc::invalid_timestamp);
  t.rules.timestamp_type = TimestampType::log_append_time;
  const BatchVerdict verdict = t.judge(t.batch());
  CHECK(verdict.accepted());
  CHECK(verdict.max_timestamp == kNow);
  CHECK(verdict.max_timestamp_delta == 0);
}

TEST_CASE("validate: a compacted topic takes no record without a key, and says which",
          "[record][validate]") {
  for (const Codec codec : kCodecs) {
    ValidateHarness t;
    t.rules.keys_required = true;
    t.record(as_bytes("a")).record({}).record(as_bytes("")).record({});
    const BatchVerdict verdict = t.judge(t.batch({.codec = codec}));
    REQUIRE(verdict.error == Errc::invalid_record);
    REQUIRE(verdict.record_errors.size() == 2);
    CHECK(verdict.record_errors[0].batch_index == 1);
    CHECK(verdict.record_errors[1].batch_index == 3);
    CHECK_FALSE(verdict.message.empty());
  }
}

TEST_CASE("validate: the list of bad records is bounded", "[record][validate]") {
  ValidateHarness t;
  t.rules.keys_required = true;
  for (int i = 0; i < 1000; ++i) t.record({});
  CHECK(t.judge(t.batch()).record_errors.size() == kRecordErrorsMax);
}

TEST_CASE("apply_verdict: a wrong greatest time is put right, with its checksum",
          "[record][validate]") {
  ValidateHarness t;
  Bytes batch = t.record({}, 100).record({}, 90).batch();
  store_be(batch.data() + kMaxTimestampAt, std::int64_t{5});
  assign_batch_crc(batch);
  const BatchVerdict verdict = t.judge(batch);
  REQUIRE(verdict.accepted());
  CHECK(verdict.max_timestamp == Timestamp{100});
  apply_verdict(verdict, t.rules, Offset{70}, LeaderEpoch{3}, batch);
  const BatchHeader h = parse_batch(batch).value();
  CHECK(h.base_offset == Offset{70});
  CHECK(h.leader_epoch == LeaderEpoch{3});
  CHECK(h.max_timestamp == Timestamp{100});
  CHECK(h.timestamp_type() == TimestampType::create_time);
  CHECK(batch_crc_matches(batch));
}

TEST_CASE("apply_verdict: a right batch keeps its checksum, append time gets a new one",
          "[record][validate]") {
  ValidateHarness t;
  Bytes batch = t.batch();
  const std::uint32_t crc = parse_batch(batch).value().crc;
  apply_verdict(t.judge(batch), t.rules, Offset{9}, LeaderEpoch{1}, batch);
  CHECK(parse_batch(batch).value().crc == crc);
  CHECK(batch_crc_matches(batch));
  assign_batch_offset(batch, Offset{0}, kNoLeaderEpoch);
  t.rules.timestamp_type = TimestampType::log_append_time;
  t.rules.now = kNow + 1;
  apply_verdict(t.judge(batch), t.rules, Offset{9}, LeaderEpoch{1}, batch);
  const BatchHeader h = parse_batch(batch).value();
  CHECK(h.timestamp_type() == TimestampType::log_append_time);
  CHECK(h.max_timestamp == kNow + 1);
  CHECK(batch_crc_matches(batch));
}

TEST_CASE("validate: random damage with a right checksum never passes as something else",
          "[record][validate]") {
  Prng prng{7};
  ValidateHarness t;
  for (int i = 0; i < 5; ++i) t.record(as_bytes("key"), kNow.value() - i);
  const Bytes good = t.batch();
  for (int round = 0; round < 20'000; ++round) {
    Bytes batch = good;
    for (auto flips = 1 + prng.below(3); flips > 0; --flips) {
      batch[prng.below(batch.size())] ^= static_cast<std::byte>(1U << prng.below(8));
    }
    assign_batch_crc(batch);
    const BatchVerdict verdict = t.judge(batch);
    if (!verdict.accepted()) continue;
    // Whatever was accepted can be read back in full, and its greatest time is the true one.
    Timestamp greatest = kNoTimestamp;
    std::int32_t count = 0;
    const auto walked = for_each_record(batch, t.decompressor, 1 << 20, [&](const RecordView& r) {
      greatest = std::max(greatest, r.timestamp);
      ++count;
    });
    REQUIRE(walked.has_value());
    REQUIRE(count == verdict.header.record_count);
    REQUIRE(greatest == verdict.max_timestamp);
  }
}

}  // namespace
}  // namespace strandline
