#include "protocol/record/builder.h"

#include <catch2/catch.hpp>
#include <string>

#include "protocol/base/errc.h"
#include "protocol/base/prng.h"
#include "protocol/record/convert.h"
#include "tests/unit/protocol/record/vectors.h"

namespace strandline {
namespace {

using Bytes = std::vector<std::byte>;
using test::hex;

constexpr std::size_t kPlenty = 64UL << 20;
constexpr Codec kCodecs[] = {Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd};

// A record that owns its bytes, for comparing.
struct OwnedRecord {
  std::optional<std::string> key;
  std::optional<std::string> value;
  Timestamp timestamp;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  bool operator==(const OwnedRecord&) const = default;
};

std::optional<std::string> owned(const std::optional<ByteView>& field) {
  if (!field) return std::nullopt;
  return std::string{as_text(*field)};
}

OwnedRecord owned(const RecordView& record) {
  OwnedRecord copy{owned(record.key), owned(record.value), record.timestamp, {}};
  for (const auto& h : record.headers)
    copy.headers.emplace_back(std::string{h.key}, owned(h.value));
  return copy;
}

std::optional<ByteView> view(const std::optional<std::string>& field) {
  if (!field) return std::nullopt;
  return as_bytes(*field);
}

void append(BatchBuilder& builder, const OwnedRecord& record) {
  std::vector<RecordHeaderView> headers;
  for (const auto& [key, value] : record.headers) headers.push_back({key, view(value)});
  const RecordInput input{view(record.key), view(record.value), record.timestamp, headers};
  const std::size_t expected = builder.size_bytes() + builder.size_bytes_of(input);
  builder.append(input);
  REQUIRE(builder.size_bytes() == expected);
}

std::optional<std::string> random_field(Prng& prng, std::size_t size_max) {
  if (prng.chance(1, 8)) return std::nullopt;
  std::string field(prng.below(size_max), '\0');
  for (char& c : field) c = static_cast<char>(prng.chance(1, 2) ? 'a' : prng.next());
  return field;
}

OwnedRecord random_record(Prng& prng) {
  OwnedRecord record{random_field(prng, 40),
                     random_field(prng, 3000),
                     Timestamp{static_cast<std::int64_t>(prng.below(1'000'000)) - 1},
                     {}};
  for (auto left = prng.below(4); left > 0; --left) {
    record.headers.emplace_back(random_field(prng, 20).value_or(""), random_field(prng, 100));
  }
  return record;
}

TEST_CASE("BatchBuilder: makes the bytes that librdkafka makes", "[record]") {
  BatchBuilder builder;
  const std::vector<RecordHeaderView> headers{{"h", as_bytes("x")}};
  builder.append({as_bytes("k1"), as_bytes("v1"), Timestamp{0x1a1fbbaf7bf}, headers});
  Compressor compressor;
  Bytes batch;
  builder.build({.leader_epoch = LeaderEpoch{0}}, compressor, batch);
  CHECK(batch == hex(test::kBatchA));
}

TEST_CASE("BatchBuilder: makes the transactional batch of the format's description", "[record]") {
  BatchBuilder builder;
  const std::vector<RecordHeaderView> headers{{"h", std::nullopt}};
  builder.append({std::nullopt, as_bytes("a"), Timestamp{0x18bcfe56800}, {}});
  builder.append({as_bytes("k"), std::nullopt, Timestamp{0x18bcfe56805}, headers});
  Compressor compressor;
  Bytes batch;
  builder.build({.producer_id = ProducerId{1000},
                 .producer_epoch = ProducerEpoch{3},
                 .base_sequence = Sequence{2147483647},
                 .transactional = true},
                compressor, batch);
  CHECK(batch == hex(test::kTransactionalBatch));
}

TEST_CASE("build_marker: makes the commit marker of the format's description", "[record]") {
  Bytes marker = build_marker(ControlType::commit, ProducerId{1000}, ProducerEpoch{3}, 7,
                              Timestamp{1'700'000'000'000});
  assign_batch_offset(marker, Offset{42}, LeaderEpoch{5});
  CHECK(marker == hex(test::kCommitMarker));
}

TEST_CASE("parse_marker: reads what build_marker makes, newer versions too, and nothing shorter",
          "[record]") {
  const auto first_of = [](ByteView batch) {
    Decompressor decompressor;
    return for_each_record(batch, decompressor, kPlenty, [](const RecordView& record) {
      const ControlMarker marker = parse_marker(record).value();
      CHECK(marker.type == 0);
      CHECK(marker.coordinator_epoch == 9);
    });
  };
  CHECK(first_of(build_marker(ControlType::abort, ProducerId{1}, ProducerEpoch{0}, 9, Timestamp{5}))
            .has_value());

  const auto parse = [](std::string_view key, std::string_view value) {
    const Bytes k = hex(key);
    const Bytes v = hex(value);
    return parse_marker({.key = ByteView{k}, .value = ByteView{v}});
  };
  CHECK(parse("0001 0001 ff", "0001 00000003 abcd").value().coordinator_epoch == 3);
  CHECK(parse("0000 0007", "").value().type == 7);  // to be skipped
  CHECK(parse("0000 00", "0000 00000003").error() == Errc::corrupt_batch);
  CHECK(parse("ffff 0000", "0000 00000003").error() == Errc::corrupt_batch);
  CHECK(parse("0000 0000", "0000 000000").error() == Errc::corrupt_batch);
  CHECK(parse("0000 0000", "ffff 00000003").error() == Errc::corrupt_batch);
  CHECK(parse_marker({}).error() == Errc::corrupt_batch);
}

TEST_CASE("BatchBuilder: random records come back, whatever the codec", "[record]") {
  Prng prng{2026};
  Compressor compressor;
  Decompressor decompressor;
  BatchBuilder builder;
  for (int round = 0; round < 200; ++round) {
    builder.clear();
    REQUIRE(builder.empty());
    std::vector<OwnedRecord> sent;
    Timestamp greatest = kNoTimestamp;
    for (auto left = 1 + prng.below(30); left > 0; --left) {
      sent.push_back(random_record(prng));
      greatest = std::max(greatest, sent.back().timestamp);
      append(builder, sent.back());
    }
    Bytes batch;
    const Codec codec = kCodecs[prng.below(5)];
    builder.build({.codec = codec, .base_offset = Offset{500}}, compressor, batch);
    const BatchHeader header = parse_batch(batch).value();
    REQUIRE(header.size_bytes() == batch.size());
    REQUIRE(batch_crc_matches(batch));
    REQUIRE(header.record_count == static_cast<std::int32_t>(sent.size()));
    REQUIRE(header.max_timestamp == greatest);
    std::size_t at = 0;
    const auto walked =
        for_each_record(batch, decompressor, kPlenty, [&](const RecordView& record) {
          REQUIRE(record.offset == Offset{500} + static_cast<std::int64_t>(at));
          REQUIRE(owned(record) == sent[at]);
          ++at;
        });
    REQUIRE(walked.has_value());
    REQUIRE(at == sent.size());
  }
}

TEST_CASE("recompress_batch: changes the codec, the length and the checksum, nothing else",
          "[record]") {
  BatchBuilder builder;
  for (int i = 0; i < 100; ++i)
    builder.append({std::nullopt, as_bytes("the same again"), Timestamp{i}, {}});
  Compressor compressor;
  Decompressor decompressor;
  const BatchOptions options{.producer_id = ProducerId{8},
                             .producer_epoch = ProducerEpoch{1},
                             .base_sequence = Sequence{55},
                             .transactional = true};
  Bytes plain;
  builder.build(options, compressor, plain);
  for (const Codec from : kCodecs) {
    BatchOptions packed = options;
    packed.codec = from;
    Bytes source;
    builder.build(packed, compressor, source);
    for (const Codec to : kCodecs) {
      Bytes made;
      REQUIRE(
          recompress_batch(source, to, {}, kPlenty, decompressor, compressor, made).has_value());
      const BatchHeader header = parse_batch(made).value();
      REQUIRE(batch_crc_matches(made));
      REQUIRE(header.codec_bits() == static_cast<std::uint8_t>(to));
      REQUIRE(header.is_transactional());
      REQUIRE(header.base_sequence == Sequence{55});
      if (to == Codec::none) REQUIRE(made == plain);
      Bytes back;
      REQUIRE(recompress_batch(made, Codec::none, {}, kPlenty, decompressor, compressor, back)
                  .has_value());
      REQUIRE(back == plain);
    }
  }
}

TEST_CASE("recompress_batch: what cannot be read is refused and nothing is appended", "[record]") {
  BatchBuilder builder;
  builder.append({std::nullopt, as_bytes("abcabcabcabc"), Timestamp{1}, {}});
  Compressor compressor;
  Decompressor decompressor;
  Bytes batch;
  builder.build({.codec = Codec::zstd}, compressor, batch);
  Bytes out;
  CHECK(recompress_batch(batch, Codec::lz4, {}, 5, decompressor, compressor, out).error() ==
        Errc::decompressed_too_large);
  batch.push_back(std::byte{0});
  CHECK(recompress_batch(batch, Codec::lz4, {}, kPlenty, decompressor, compressor, out).error() ==
        Errc::corrupt_batch);
  batch.resize(kBatchHeaderBytes + 3);
  CHECK(recompress_batch(batch, Codec::lz4, {}, kPlenty, decompressor, compressor, out).error() ==
        Errc::truncated_frame);
  CHECK(out.empty());
}

}  // namespace
}  // namespace strandline
