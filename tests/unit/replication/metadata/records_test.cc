#include <catch2/catch.hpp>

#include "protocol/base/errc.h"
#include "protocol/base/hash.h"
#include "protocol/base/prng.h"
#include "protocol/proto/metadata_records.h"

using namespace strandline;

namespace {

Uuid id(std::uint64_t seed) {
  Prng prng{seed};
  return make_uuid(prng);
}

std::vector<MetadataRecord> one_of_each() {
  return {TopicRecord{id(1), "events"},
          PartitionRecord{.topic_id = id(1),
                          .partition = PartitionIndex{3},
                          .replicas = {BrokerId{2}, BrokerId{0}},
                          .isr = {BrokerId{0}},
                          .leader = BrokerId{0},
                          .leader_epoch = LeaderEpoch{4},
                          .partition_epoch = 5,
                          .elr = {BrokerId{2}},
                          .adding = {BrokerId{2}},
                          .removing = {BrokerId{0}},
                          .cut = {{BrokerId{0}, ReplicaLogEnd{LeaderEpoch{3}, Offset{77}}},
                                  {BrokerId{2}, ReplicaLogEnd{}}}},
          PartitionRecord{.topic_id = id(1), .replicas = {BrokerId{2}}, .leader = kNoBroker},
          PartitionRecord{.topic_id = id(1),
                          .replicas = {BrokerId{2}},
                          .elr = {BrokerId{2}},
                          .cut = {{BrokerId{2}, std::nullopt}}},
          RemoveTopicRecord{id(1)},
          ConfigRecord{ConfigResource::topic, "events", "retention.ms", "5"},
          ConfigRecord{ConfigResource::broker, "", "num.partitions", std::nullopt},
          ConfigRecord{ConfigResource::topic, "events", "x", ""},
          ProducerIdsRecord{BrokerId{1}, ProducerId{1000}},
          BrokerRegistrationRecord{.broker = BrokerId{1},
                                   .incarnation = id(2),
                                   .broker_epoch = 9,
                                   .advertised = HostPort{"::1", 9092},
                                   .rack = "r1",
                                   .fenced = true,
                                   .stopping = true,
                                   .directory = id(3),
                                   .rpc = HostPort{"b1", 9093}},
          BrokerRegistrationRecord{.broker = BrokerId{1}, .incarnation = id(2)},
          FeatureLevelRecord{"metadata.version", 1}};
}

// A record value around any message bytes, with a right checksum.
std::string framed(std::string_view message) {
  std::string out(9, '\1');
  store_be<std::uint64_t>(reinterpret_cast<std::byte*>(out.data()) + 1, xxh3(as_bytes(message)));
  return out.append(message);
}

}  // namespace

TEST_CASE("Metadata records: every kind survives its bytes", "[metadata]") {
  for (const auto& record : one_of_each()) {
    const auto decoded = decode_metadata_record(as_bytes(encode_metadata_record(record)));
    REQUIRE(decoded);
    CHECK(decoded.value() == record);
    CHECK(describe(record) == describe(decoded.value()));
  }
}

TEST_CASE("Metadata records: any damaged byte is noticed", "[metadata]") {
  for (const auto& record : one_of_each()) {
    const auto good = encode_metadata_record(record);
    for (std::size_t i = 0; i < good.size(); ++i) {
      auto bad = good;
      bad[i] = static_cast<char>(bad[i] ^ 0x10);
      const auto decoded = decode_metadata_record(as_bytes(bad));
      REQUIRE(!decoded);
      CHECK(errc_of(decoded.error()) == (i == 0 ? Errc::unsupported_format : Errc::corrupt_file));
      CHECK(!decode_metadata_record(as_bytes(good).first(i)));
    }
  }
}

TEST_CASE("Metadata records: a kind of the future is told from damage", "[metadata]") {
  const auto future = framed("\xf2\x06\x01x");  // field 110, one byte
  CHECK(errc_of(decode_metadata_record(as_bytes(future)).error()) == Errc::unsupported_format);
  CHECK(errc_of(decode_metadata_record(as_bytes(framed("\xff"))).error()) == Errc::corrupt_file);
}

TEST_CASE("Metadata records: fields that no broker writes are refused", "[metadata]") {
  const std::string messages[] = {
      std::string("\x0a\x03\x0a\x01x", 5),         // a topic id of one byte
      std::string("\x22\x04\x08\x03\x1a\x00", 6),  // resource type 3
      std::string("\x2a\x0b\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13),  // next id -1
      std::string("\x3a\x02\x10\x01", 4),  // a feature without a name
  };
  for (const auto& message : messages) {
    CHECK(errc_of(decode_metadata_record(as_bytes(framed(message))).error()) == Errc::corrupt_file);
  }
}

TEST_CASE("Metadata records: the bytes are those of the format page", "[metadata]") {
  const auto bytes = encode_metadata_record(FeatureLevelRecord{"metadata.version", 1});
  CHECK(bytes.substr(0, 9) == std::string("\x01\x01\xf3\x26\x00\xbb\x39\x9c\x03", 9));
  CHECK(bytes.substr(9) == std::string("\x3a\x14\x0a\x10metadata.version\x10\x01"));
}
