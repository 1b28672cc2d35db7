#include "replication/metadata/drain_plan.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

namespace strandline {
namespace {

// What a partition has once a reassignment under way is done.
std::vector<BrokerId> replicas_to_be(const PartitionImage& partition) {
  std::vector<BrokerId> replicas = partition.replicas;
  std::erase_if(replicas, [&](BrokerId id) {
    return std::ranges::find(partition.removing, id) != partition.removing.end();
  });
  return replicas;
}

class Drain {
 public:
  Drain(const MetadataImage& image, BrokerId broker) : image_(image), broker_(broker) {
    bool all_known = true;
    for (const BrokerImage* live : image.live_brokers()) {
      all_known = all_known && live->rack.has_value();
      if (live->id != broker) held_[live->id] = 0;
    }
    by_rack_ = all_known;
    for (const TopicPtr& topic : image.topics_sorted()) {
      for (const PartitionImage& partition : topic->partitions) {
        for (const BrokerId id : replicas_to_be(partition)) {
          if (const auto at = held_.find(id); at != held_.end()) ++at->second;
        }
      }
    }
  }

  DrainPlan plan() {
    DrainPlan plan;
    for (const TopicPtr& topic : image_.topics_sorted()) {
      for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
        std::vector<BrokerId> replicas = replicas_to_be(topic->partitions[i]);
        const auto place = std::ranges::find(replicas, broker_);
        if (place == replicas.end()) {
          plan.leaving += std::ranges::count(topic->partitions[i].removing, broker_);
          continue;
        }
        const auto other = replacement(replicas);
        if (!other) return refused(*topic, i, replicas.size());
        ++held_[*other];
        *place = *other;
        plan.moves.push_back(
            {{topic->id, PartitionIndex{static_cast<std::int32_t>(i)}}, std::move(replicas)});
      }
    }
    return plan;
  }

 private:
  std::optional<BrokerId> replacement(const std::vector<BrokerId>& replicas) const {
    using Rank = std::tuple<std::int64_t, std::int64_t, BrokerId>;
    std::optional<Rank> best;
    for (const auto& [id, held] : held_) {
      if (std::ranges::find(replicas, id) != replicas.end()) continue;
      const Rank rank{neighbours(id, replicas), held, id};
      if (!best || rank < *best) best = rank;
    }
    if (!best) return std::nullopt;
    return std::get<BrokerId>(*best);
  }

  // Replicas of the partition, but for the one that goes, in the rack of `candidate`.
  std::int64_t neighbours(BrokerId candidate, const std::vector<BrokerId>& replicas) const {
    if (!by_rack_) return 0;
    const auto& rack = image_.broker(candidate)->rack;
    return std::ranges::count_if(replicas, [&](BrokerId id) {
      const BrokerImage* other = image_.broker(id);
      return id != broker_ && other != nullptr && other->rack == rack;
    });
  }

  DrainPlan refused(const TopicImage& topic, std::size_t partition, std::size_t replicas) const {
    return {.outcome = {Errc::invalid_replication_factor,
                        "Partition " + std::to_string(partition) + " of topic '" + topic.name +
                            "' has " + std::to_string(replicas) + " replica(s), and none of the " +
                            std::to_string(held_.size()) + " other live broker(s) is without one"},
            .moves = {}};
  }

  const MetadataImage& image_;
  const BrokerId broker_;
  bool by_rack_ = false;
  std::map<BrokerId, std::int64_t> held_;  // by live brokers, with what was planned so far
};

}  // namespace

DrainPlan drain_plan(const MetadataImage& image, BrokerId broker) {
  if (image.broker(broker) == nullptr) {
    return {.outcome = {Errc::invalid_request,
                        "Broker " + std::to_string(broker.value()) + " is not registered"},
            .moves = {}};
  }
  return Drain{image, broker}.plan();
}

}  // namespace strandline
