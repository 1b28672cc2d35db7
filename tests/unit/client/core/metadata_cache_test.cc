// What a client believes of leaders, and when it asks.
#include "client/core/metadata_cache.h"

#include <catch2/catch.hpp>

namespace strandline::client {
namespace {

using namespace std::chrono_literals;

struct CacheHarness {
  wire::MetadataResponse leader(std::int32_t broker, std::int32_t epoch) const {
    wire::MetadataResponse response;
    for (const std::int32_t id : {1, 2}) {
      response.brokers.push_back({.node_id = BrokerId{id}, .host = "b", .port = id});
    }
    response.topics.push_back({.name = "t",
                               .topic_id = topic_id,
                               .partitions = {{.index = PartitionIndex{0},
                                               .leader_id = BrokerId{broker},
                                               .leader_epoch = LeaderEpoch{epoch}}}});
    return response;
  }
  void told(std::int32_t broker, std::int32_t epoch) {
    cache.refresh(now);
    pass_until_asked();
    cache.on_response(now, leader(broker, epoch));
  }
  void pass_until_asked() {
    REQUIRE(cache.next_request().has_value());
    now = std::max(now, *cache.next_request());
    REQUIRE(cache.take_request(now).has_value());
  }
  bool hint(std::int32_t broker, std::int32_t epoch,
            const std::vector<wire::NodeEndpoint>& endpoints = {}) {
    return cache.on_hint(partition, {BrokerId{broker}, LeaderEpoch{epoch}}, endpoints);
  }

  Prng prng{1};
  MetadataCache cache{{.retry = {.first = 100ms, .max = 1s}, .age_max = 5min}, prng};
  Instant now{std::chrono::seconds{1000}};
  TopicPartition partition{"t", PartitionIndex{0}};
  Uuid topic_id = make_uuid(prng);
};

TEST_CASE("MetadataCache: the newest leader epoch wins, whoever tells it", "[metadata]") {
  CacheHarness t;
  t.cache.want(t.now, "t");
  t.told(1, 5);
  CHECK(t.cache.leader(t.partition) == Leader{BrokerId{1}, LeaderEpoch{5}});
  CHECK(t.hint(2, 6));
  t.told(1, 5);  // by a broker that lags behind
  CHECK(t.cache.leader(t.partition) == Leader{BrokerId{2}, LeaderEpoch{6}});
  CHECK_FALSE(t.hint(1, 5));
  CHECK_FALSE(t.hint(2, 6));  // no news
  CHECK(t.cache.leader(t.partition) == Leader{BrokerId{2}, LeaderEpoch{6}});
}

TEST_CASE("MetadataCache: a leader whose address nobody told is no help", "[metadata]") {
  CacheHarness t;
  t.cache.want(t.now, "t");
  t.told(1, 5);
  CHECK_FALSE(t.hint(7, 9));
  CHECK(t.hint(7, 9, {{.node_id = BrokerId{7}, .host = "b", .port = 7}}));
  const auto brokers = t.cache.take_brokers();
  REQUIRE(brokers.has_value());
  CHECK(brokers->brokers.size() == 3);
  CHECK_FALSE(t.cache.take_brokers().has_value());
}

TEST_CASE("MetadataCache: another topic of the same name counts its leaders anew", "[metadata]") {
  CacheHarness t;
  t.cache.want(t.now, "t");
  t.told(1, 5);
  t.topic_id = make_uuid(t.prng);
  t.told(2, 0);
  CHECK(t.cache.leader(t.partition) == Leader{BrokerId{2}, LeaderEpoch{0}});
}

TEST_CASE("MetadataCache: however often it is told to ask, it leaves brokers time", "[metadata]") {
  CacheHarness t;
  t.cache.want(t.now, "t");
  int asked = 0;
  const Instant end = t.now + 10s;
  for (; t.now < end; t.now += 1ms) {
    t.cache.refresh(t.now);
    if (t.cache.take_request(t.now)) {
      ++asked;
      t.cache.on_response(t.now, t.leader(1, 5));
    }
  }
  CHECK(asked >= 80);
  CHECK(asked <= 130);
}

TEST_CASE("MetadataCache: while it has no answer it asks less and less often", "[metadata]") {
  CacheHarness t;
  t.cache.want(t.now, "t");
  std::vector<Instant> asked;
  for (int tries = 0; tries < 8; ++tries) {
    t.pass_until_asked();
    asked.push_back(t.now);
    t.cache.on_failed(t.now);
  }
  CHECK(asked[1] - asked[0] <= 121ms);
  CHECK(asked[7] - asked[6] >= 800ms);
}

TEST_CASE("MetadataCache: known leaders are asked for anew when they are old", "[metadata]") {
  CacheHarness t;
  t.cache.want(t.now, "t");
  t.told(1, 5);
  CHECK(t.cache.next_request() == t.now + 5min);
  CHECK_FALSE(t.cache.take_request(t.now + 4min).has_value());
}

TEST_CASE("MetadataCache: it tells why nobody leads", "[metadata]") {
  CacheHarness t;
  CHECK(t.cache.why_leaderless(t.partition) == Errc::ok);
  t.cache.want(t.now, "t");
  t.told(-1, 5);
  CHECK(t.cache.why_leaderless(t.partition) == Errc::leader_not_available);
  CHECK(t.cache.why_leaderless({"t", PartitionIndex{9}}) == Errc::unknown_topic_or_partition);
}

TEST_CASE("MetadataCache: it asks for the topics that are wanted, and no more", "[metadata]") {
  CacheHarness t;
  t.cache.want(t.now, "a");
  t.cache.want(t.now, "b");
  t.cache.forget("a");
  const auto request = t.cache.take_request(t.now);
  REQUIRE(request.has_value());
  REQUIRE(request->topics.has_value());
  REQUIRE(request->topics->size() == 1);
  CHECK(request->topics->front().name == "b");
  CHECK_FALSE(request->allow_auto_topic_creation);
  t.cache.on_response(t.now, t.leader(1, 5));  // of a topic that nobody asked for
  CHECK(t.cache.leader(t.partition) == Leader{});
}

}  // namespace
}  // namespace strandline::client
