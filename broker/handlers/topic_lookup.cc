#include "broker/handlers/topic_lookup.h"

#include <algorithm>

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

Errc check_readable_here(const Shard& shard, const TopicImage& topic, PartitionIndex index) {
  const Errc led = check_led_here(shard, topic, index);
  if (led != Errc::not_leader_or_follower) return led;
  const PartitionImage& partition = topic.partitions[static_cast<std::size_t>(index.value())];
  const bool has_replica =
      std::ranges::find(partition.replicas, shard.broker_id()) != partition.replicas.end();
  return has_replica ? Errc::ok : led;
}

wire::CurrentLeader leader_hint(const Shard& shard, const Uuid& topic_id, PartitionIndex index) {
  const TopicPtr topic = shard.image()->topic(topic_id);
  const auto at = static_cast<std::size_t>(index.value());
  if (topic == nullptr || at >= topic->partitions.size()) return {};
  const PartitionImage& partition = topic->partitions[at];
  if (partition.leader == kNoBroker) return {};
  return {partition.leader, partition.leader_epoch};
}

void add_endpoint(const Shard& shard, BrokerId id, std::vector<wire::NodeEndpoint>& endpoints) {
  const BrokerImage* const broker = shard.image()->broker(id);
  if (broker == nullptr || !broker->advertised) return;
  if (std::ranges::find(endpoints, id, &wire::NodeEndpoint::node_id) != endpoints.end()) return;
  endpoints.push_back({id, broker->advertised->host, broker->advertised->port, broker->rack});
}

Errc check_leader_epoch(LeaderEpoch asked, LeaderEpoch ours) {
  if (asked == kNoLeaderEpoch || asked == ours) return Errc::ok;
  return asked < ours ? Errc::fenced_leader_epoch : Errc::unknown_leader_epoch;
}

}  // namespace strandline
