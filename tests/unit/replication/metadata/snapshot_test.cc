#include <catch2/catch.hpp>

#include "protocol/base/errc.h"
#include "protocol/base/hash.h"
#include "replication/metadata/snapshot.h"
#include "tests/unit/replication/metadata/controller_harness.h"

using namespace strandline;

namespace {

ControllerHarness busy_cluster() {
  ControllerHarness t{3};
  t.create({.name = "b.two", .num_partitions = 3, .configs = {{"retention.ms", "9"}}});
  t.create({.name = "a", .num_partitions = 1});
  t.create({.name = "gone", .num_partitions = 1});
  t.replay(t.controller.delete_topics(std::vector<TopicSelector>{{.name = "gone"}}).records);
  t.replay({ConfigRecord{ConfigResource::broker, "", "num.partitions", "4"},
            ProducerIdsRecord{BrokerId{1}, ProducerId{3000}}});
  t.register_broker(2);
  return t;
}

void check_equal(const MetadataImage& a, const MetadataImage& b) {
  CHECK(a.brokers == b.brokers);
  CHECK(a.broker_configs == b.broker_configs);
  CHECK(a.features == b.features);
  CHECK(a.next_producer_id == b.next_producer_id);
  CHECK(a.partition_count == b.partition_count);
  const auto ours = a.topics_sorted();
  const auto theirs = b.topics_sorted();
  REQUIRE(ours.size() == theirs.size());
  for (std::size_t i = 0; i < ours.size(); ++i) CHECK(*ours[i] == *theirs[i]);
}

}  // namespace

TEST_CASE("Metadata snapshot: its records rebuild the image", "[metadata]") {
  const auto t = busy_cluster();
  const auto bytes = encode_snapshot(t.image(), Offset{77}, LeaderEpoch{4});
  const auto snapshot = decode_snapshot(as_bytes(bytes));
  REQUIRE(snapshot);
  CHECK(snapshot.value().end_offset == Offset{77});
  CHECK(snapshot.value().epoch == LeaderEpoch{4});
  CHECK(snapshot.value().cluster_id == t.image().cluster_id);
  MetadataState rebuilt{snapshot.value().cluster_id};
  for (const auto& record : snapshot.value().records) REQUIRE(rebuilt.apply(record));
  check_equal(rebuilt.image(), t.image());
  CHECK(encode_snapshot(rebuilt.image(), Offset{77}, LeaderEpoch{4}) == bytes);
}

TEST_CASE("Metadata snapshot: any damaged or missing byte is noticed", "[metadata]") {
  const auto good = encode_snapshot(busy_cluster().image(), Offset{77}, LeaderEpoch{4});
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x04);
    const auto decoded = decode_snapshot(as_bytes(bad));
    REQUIRE(!decoded);
    CHECK(errc_of(decoded.error()) == Errc::corrupt_file);
    REQUIRE(!decode_snapshot(as_bytes(good).first(i)));
  }
}

TEST_CASE("Metadata snapshot: a newer version is told apart from damage", "[metadata]") {
  auto newer = encode_snapshot(busy_cluster().image(), Offset{77}, LeaderEpoch{4});
  newer[7] = 3;
  auto* const at = reinterpret_cast<std::byte*>(newer.data());
  Xxh3 sum;
  sum.update(as_bytes(newer).first(48));
  sum.update(as_bytes(newer).subspan(56));
  store_be<std::uint64_t>(at + 48, sum.digest());
  CHECK(errc_of(decode_snapshot(as_bytes(newer)).error()) == Errc::unsupported_format);
}

TEST_CASE("Metadata snapshot: version 1, without an epoch, is still read", "[metadata]") {
  const auto now = encode_snapshot(busy_cluster().image(), Offset{77}, LeaderEpoch{4});
  auto old = now.substr(0, 40) + now.substr(48);
  old[7] = 1;
  auto* const at = reinterpret_cast<std::byte*>(old.data());
  Xxh3 sum;
  sum.update(as_bytes(old).first(40));
  sum.update(as_bytes(old).subspan(48));
  store_be<std::uint64_t>(at + 40, sum.digest());
  const auto snapshot = decode_snapshot(as_bytes(old));
  REQUIRE(snapshot);
  CHECK(snapshot.value().end_offset == Offset{77});
  CHECK(snapshot.value().epoch == LeaderEpoch{0});
  CHECK(snapshot.value().records == decode_snapshot(as_bytes(now)).value().records);
}
