#include "broker/handlers/topic_lookup.h"

namespace strandline {

FoundTopic find_topic(const Shard& shard, bool by_id, std::string_view name, const Uuid& id) {
  TopicPtr topic = by_id ? shard.image()->topic(id) : shard.image()->topic(name);
  if (topic == nullptr) {
    return {by_id ? Errc::unknown_topic_id : Errc::unknown_topic_or_partition, nullptr};
  }
  return {Errc::ok, std::move(topic)};
}

Errc check_led_here(const Shard& shard, const TopicImage& topic, PartitionIndex index) {
  if (index.value() < 0 || static_cast<std::size_t>(index.value()) >= topic.partitions.size()) {
    return Errc::unknown_topic_or_partition;
  }
  const PartitionImage& partition = topic.partitions[static_cast<std::size_t>(index.value())];
  if (partition.leader == kNoBroker) return Errc::leader_not_available;
  if (partition.leader != shard.broker_id()) return Errc::not_leader_or_follower;
  return Errc::ok;
}

Errc check_leader_epoch(LeaderEpoch asked, LeaderEpoch ours) {
  if (asked == kNoLeaderEpoch || asked == ours) return Errc::ok;
  return asked < ours ? Errc::fenced_leader_epoch : Errc::unknown_leader_epoch;
}

}  // namespace strandline
