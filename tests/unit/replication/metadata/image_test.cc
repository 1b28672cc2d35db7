#include <catch2/catch.hpp>

#include "protocol/base/errc.h"
#include "replication/metadata/image.h"
#include "replication/metadata/level.h"
#include "replication/metadata/producer_ids.h"

using namespace strandline;

namespace {

Uuid id(std::uint64_t seed) {
  Prng prng{seed};
  return make_uuid(prng);
}

PartitionRecord partition(const Uuid& topic, int index, int leader_epoch = 0) {
  return {.topic_id = topic,
          .partition = PartitionIndex{index},
          .replicas = {BrokerId{1}},
          .isr = {BrokerId{1}},
          .leader = BrokerId{1},
          .leader_epoch = LeaderEpoch{leader_epoch}};
}

}  // namespace

TEST_CASE("MetadataImage: a published image never changes", "[metadata]") {
  MetadataState state{id(9)};
  REQUIRE(state.apply(TopicRecord{id(1), "a"}));
  REQUIRE(state.apply(partition(id(1), 0)));
  const auto before = state.publish();
  const auto topic_before = before->topic("a");
  REQUIRE(state.apply(partition(id(1), 1)));
  REQUIRE(state.apply(ConfigRecord{ConfigResource::topic, "a", "retention.ms", "1"}));
  REQUIRE(state.apply(TopicRecord{id(2), "b"}));
  CHECK(before->topics.size() == 1);
  CHECK(topic_before->partitions.size() == 1);
  CHECK(topic_before->configs.empty());
  const auto after = state.publish();
  CHECK(after->topic("a")->partitions.size() == 2);
  CHECK(after->topic(id(1)) == after->topic("a"));
  CHECK(after->topics.size() == 2);
  CHECK(after->partition_count == 2);
  CHECK(after->version > before->version);
}

TEST_CASE("MetadataImage: what does not follow from the records before is refused", "[metadata]") {
  MetadataState state{id(9)};
  REQUIRE(state.apply(TopicRecord{id(1), "a"}));
  REQUIRE(state.apply(partition(id(1), 0, 5)));
  const auto code = [&](const MetadataRecord& record) {
    const auto result = state.apply(record);
    return result ? Errc::ok : errc_of(result.error());
  };
  const auto version = state.image().version;
  CHECK(code(TopicRecord{id(2), "a"}) == Errc::corrupt_file);
  CHECK(code(TopicRecord{id(1), "b"}) == Errc::corrupt_file);
  CHECK(code(partition(id(2), 0)) == Errc::corrupt_file);
  CHECK(code(partition(id(1), 2)) == Errc::corrupt_file);     // index 1 is missing
  CHECK(code(partition(id(1), 0, 4)) == Errc::corrupt_file);  // an older leader epoch
  CHECK(code(FeatureLevelRecord{"metadata.version", kMetadataVersion + 1}) ==
        Errc::unsupported_format);
  CHECK(state.image().version == version);
  REQUIRE(state.apply(ProducerIdsRecord{BrokerId{1}, ProducerId{2000}}));
  CHECK(code(ProducerIdsRecord{BrokerId{1}, ProducerId{1000}}) == Errc::corrupt_file);
}

TEST_CASE("MetadataImage: records of what is gone do no harm", "[metadata]") {
  MetadataState state{id(9)};
  CHECK(state.apply(RemoveTopicRecord{id(1)}));
  CHECK(state.apply(ConfigRecord{ConfigResource::topic, "gone", "retention.ms", "1"}));
  CHECK(state.apply(ConfigRecord{ConfigResource::broker, "1", "x", std::nullopt}));
  CHECK(state.image().broker_configs.empty());
}

TEST_CASE("MetadataImage: many topics are found by name, by id and in order", "[metadata]") {
  MetadataState state{id(9)};
  for (std::uint64_t i = 0; i < 2000; ++i) {
    REQUIRE(state.apply(TopicRecord{id(i + 1), "topic-" + std::to_string(i)}));
    if (i % 100 == 0) state.publish();
  }
  for (std::uint64_t i = 0; i < 2000; i += 2) REQUIRE(state.apply(RemoveTopicRecord{id(i + 1)}));
  const auto image = state.publish();
  CHECK(image->topics.size() == 1000);
  CHECK(!image->topic("topic-0"));
  CHECK(!image->topic(id(1)));
  CHECK(image->topic("topic-1999")->id == id(2000));
  const auto sorted = image->topics_sorted();
  CHECK(sorted.size() == 1000);
  CHECK(std::is_sorted(sorted.begin(), sorted.end(),
                       [](const auto& a, const auto& b) { return a->name < b->name; }));
}

TEST_CASE("MetadataImage: partitions outside the topic are not found", "[metadata]") {
  MetadataState state{id(9)};
  REQUIRE(state.apply(TopicRecord{id(1), "a"}));
  REQUIRE(state.apply(partition(id(1), 0)));
  CHECK(state.image().partition("a", PartitionIndex{0}) != nullptr);
  CHECK(state.image().partition("a", PartitionIndex{1}) == nullptr);
  CHECK(state.image().partition("a", PartitionIndex{-1}) == nullptr);
  CHECK(state.image().partition("b", PartitionIndex{0}) == nullptr);
}

TEST_CASE("ProducerIdPool: ids are given once and blocks follow one another", "[metadata]") {
  ProducerIdPool pool;
  CHECK(!pool.take());
  pool.refill({ProducerId{0}, 2});
  CHECK(pool.take() == ProducerId{0});
  pool.refill({ProducerId{1000}, 1});
  pool.refill({ProducerId{2000}, 1});  // asked for twice: the second is dropped
  CHECK(pool.take() == ProducerId{1});
  CHECK(pool.take() == ProducerId{1000});
  CHECK(!pool.take());
}
