#include "replication/metadata/throttled_replicas.h"

#include <catch2/catch.hpp>

#include "replication/metadata/topic_config.h"

namespace strandline {
namespace {

bool names(std::string_view text, std::int32_t partition, std::int32_t broker) {
  const auto parsed = ThrottledReplicas::parse(text);
  REQUIRE(parsed.has_value());
  return parsed->contains(PartitionIndex{partition}, BrokerId{broker});
}

TEST_CASE("ThrottledReplicas: pairs of partition and broker, or all", "[throttle]") {
  CHECK(names("0:1,0:2,12:3", 0, 2));
  CHECK(names("0:1,0:2,12:3", 12, 3));
  CHECK_FALSE(names("0:1,0:2,12:3", 12, 1));
  CHECK_FALSE(names("0:1,0:2,12:3", 1, 2));
  CHECK(names("*", 99, 5));
  CHECK_FALSE(names("", 0, 0));
  CHECK_FALSE(ThrottledReplicas{}.contains(PartitionIndex{0}, BrokerId{1}));
}

TEST_CASE("ThrottledReplicas: what is neither is none", "[throttle]") {
  for (const char* text : {"0", "0:", ":1", "0:1:2", "a:1", "0:b", "0:1,*", "*,0:1", "-1:2", "0:-2",
                           "0 :1", "99999999999:1", "**"}) {
    INFO(text);
    CHECK_FALSE(ThrottledReplicas::parse(text).has_value());
  }
}

TEST_CASE("topic configs: throttled replicas are checked and take effect", "[throttle]") {
  const ConfigDef* def = find_topic_config("leader.replication.throttled.replicas");
  REQUIRE(def != nullptr);
  CHECK_FALSE(check_topic_config_value(*def, " 0:1 , 1:2").error.has_value());
  const auto refused = check_topic_config_value(*def, "0:1,x").error;
  REQUIRE(refused.has_value());
  CHECK(refused->find("must be the literal '*' or a list of replicas") != std::string::npos);
  const ConfigMap overrides{{"leader.replication.throttled.replicas", "0:1"},
                            {"follower.replication.throttled.replicas", "*"}};
  const TopicConfigLayer layer{&overrides, ConfigSource::topic, ""};
  const TopicConfig config = effective_topic_config({&layer, 1}, 1);
  CHECK(config.leader_throttled_replicas.contains(PartitionIndex{0}, BrokerId{1}));
  CHECK_FALSE(config.leader_throttled_replicas.contains(PartitionIndex{0}, BrokerId{2}));
  CHECK(config.follower_throttled_replicas.contains(PartitionIndex{7}, BrokerId{2}));
}

}  // namespace
}  // namespace strandline
