#include "replication/metadata/safe_to_stop.h"

#include <algorithm>
#include <span>
#include <utility>

namespace strandline {
namespace {

bool contains(std::span<const BrokerId> brokers, BrokerId broker) {
  return std::ranges::find(brokers, broker) != brokers.end();
}

std::string numbers(std::span<const BrokerId> brokers) {
  std::string text;
  for (const BrokerId id : brokers) {
    text += (text.empty() ? "" : ", ") + std::to_string(id.value());
  }
  return text;
}

std::string why_unavailable(const PartitionImage& partition, BrokerId broker) {
  if (partition.leader == kNoBroker) {
    return "nobody leads it, and the broker is one of the complete replicas that it waits for";
  }
  std::vector<BrokerId> complete = partition.isr;
  complete.insert(complete.end(), partition.elr.begin(), partition.elr.end());
  std::erase(complete, broker);
  if (complete.empty()) return "no other replica has all that was acknowledged";
  return "the other complete replicas cannot lead at present: " + numbers(complete);
}

std::string why_below(std::size_t left, std::size_t least) {
  return std::to_string(left) + (left == 1 ? " replica" : " replicas") +
         " would be in sync, and min.insync.replicas is " + std::to_string(least);
}

}  // namespace

std::optional<PartitionAtRisk> partition_at_risk(const PartitionImage& partition, BrokerId broker,
                                                 std::int32_t min_insync_replicas,
                                                 const PartitionChange::StandingOf& standing) {
  // What is not complete holds nothing up, and is missed by nobody.
  if (!contains(partition.isr, broker) && !contains(partition.elr, broker)) return std::nullopt;
  const auto without = [&](BrokerId id) { return id == broker ? ReplicaStanding{} : standing(id); };
  // As if it were fenced already.
  PartitionChange change{partition, min_insync_replicas, without};
  change.leave_isr(broker);
  const PartitionImage after = change.next().value_or(partition);
  PartitionAtRisk risk;
  if (after.leader == kNoBroker) {
    risk.why = why_unavailable(partition, broker);
    return risk;
  }
  const auto left = static_cast<std::size_t>(
      std::ranges::count_if(after.isr, [&](BrokerId id) { return without(id).can_lead; }));
  const std::size_t least =
      std::min(after.replicas.size(), static_cast<std::size_t>(std::max(1, min_insync_replicas)));
  if (left >= least) return std::nullopt;
  risk.risk = StopRisk::below_min_insync;
  risk.why = why_below(left, least);
  return risk;
}

std::string quorum_at_risk(const QuorumStanding& quorum, BrokerId broker) {
  std::vector<BrokerId> alive;
  for (const BrokerId id : quorum.voters) {
    if (contains(quorum.alive, id)) alive.push_back(id);
  }
  if (!contains(alive, broker)) return {};  // no voter, or missed already
  const std::size_t majority = quorum.voters.size() / 2 + 1;
  if (alive.size() - 1 >= majority) return {};
  return "the metadata quorum has " + std::to_string(quorum.voters.size()) +
         " voter(s), of which " + std::to_string(alive.size()) + " are alive (" + numbers(alive) +
         "); without broker " + std::to_string(broker.value()) + " they would be fewer than the " +
         std::to_string(majority) + " that it needs";
}

StopAnswer Controller::safe_to_stop(BrokerId broker, const QuorumStanding& quorum) const {
  StopAnswer answer;
  if (image().broker(broker) == nullptr) {
    answer.outcome = {Errc::invalid_request,
                      "Broker " + std::to_string(broker.value()) + " is not registered"};
    return answer;
  }
  answer.quorum = quorum_at_risk(quorum, broker);
  const auto standing = [this](BrokerId id) {
    const BrokerImage* known = image().broker(id);
    return ReplicaStanding{.can_lead = known != nullptr && known->can_lead()};
  };
  std::vector<PartitionAtRisk> below;
  for (const TopicPtr& topic : image().topics_sorted()) {
    const std::int32_t min_insync = min_insync_replicas(*topic);
    for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
      auto risk = partition_at_risk(topic->partitions[i], broker, min_insync, standing);
      if (!risk) continue;
      const bool is_below = risk->risk == StopRisk::below_min_insync;
      ++(is_below ? answer.below_min_insync : answer.unavailable);
      auto& list = is_below ? below : answer.partitions;
      if (list.size() == StopAnswer::kListedMax) continue;
      risk->topic = topic->name;
      risk->partition = PartitionIndex{static_cast<std::int32_t>(i)};
      list.push_back(*std::move(risk));
    }
  }
  const std::size_t room = StopAnswer::kListedMax - answer.partitions.size();
  below.resize(std::min(below.size(), room));
  std::ranges::move(below, std::back_inserter(answer.partitions));
  return answer;
}

}  // namespace strandline
