#include "replication/metadata/replica_placement.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "protocol/base/assertion.h"

namespace strandline {

std::vector<std::size_t> rack_numbers(std::span<const BrokerImage* const> brokers) {
  const bool all_known = std::ranges::all_of(
      brokers, [](const BrokerImage* broker) { return broker->rack.has_value(); });
  std::map<std::string, std::size_t> racks;
  if (all_known) {
    for (const BrokerImage* broker : brokers) racks.emplace(*broker->rack, 0);
  }
  std::size_t next = 0;
  for (auto& [name, number] : racks) number = next++;
  std::vector<std::size_t> numbers;
  for (const BrokerImage* broker : brokers) {
    numbers.push_back(all_known ? racks.at(*broker->rack) : numbers.size());
  }
  return numbers;
}

ReplicaPlacement::ReplicaPlacement(std::span<const BrokerImage* const> live, Prng& prng)
    : prng_(prng) {
  STRANDLINE_ASSERT(!live.empty());
  const std::vector<std::size_t> racks = rack_numbers(live);
  for (std::size_t i = 0; i < live.size(); ++i) {
    turns_.push_back({.id = live[i]->id, .rack = racks[i]});
  }
  rack_uses_.resize(std::ranges::max(racks) + 1);
  shuffle_turns();
}

// A random order in which neighbours are in different racks as far as can be, so that neither a
// rack's loss nor the restart of its brokers hits a row of partitions.
void ReplicaPlacement::shuffle_turns() {
  std::vector<std::size_t> rack_order(rack_uses_.size());
  for (std::size_t i = 0; i < rack_order.size(); ++i) rack_order[i] = i;
  shuffle(std::span{rack_order});
  if (latest_rack_ && rack_order.size() > 1 && rack_order[*latest_rack_] == 0) {
    std::swap(rack_order[*latest_rack_], *std::ranges::find(rack_order, std::size_t{1}));
  }
  shuffle(std::span{turns_});
  std::vector<std::size_t> seen(rack_uses_.size());
  std::map<std::pair<std::size_t, std::size_t>, Candidate> in_turn;
  for (const Candidate& candidate : turns_) {
    in_turn.emplace(std::pair{seen[candidate.rack]++, rack_order[candidate.rack]}, candidate);
  }
  turns_.clear();
  for (const auto& [turn, candidate] : in_turn) turns_.push_back(candidate);
}

template <class T>
void ReplicaPlacement::shuffle(std::span<T> all) {
  for (std::size_t left = all.size(); left > 1; --left) {
    std::swap(all[left - 1], all[prng_.below(left)]);
  }
}

ReplicaPlacement::Candidate* ReplicaPlacement::find(BrokerId id) {
  const auto at = std::ranges::find(turns_, id, &Candidate::id);
  return at == turns_.end() ? nullptr : &*at;
}

void ReplicaPlacement::take_over(std::span<const PartitionImage> partitions) {
  for (const PartitionImage& partition : partitions) {
    for (const BrokerId id : partition.replicas) {
      if (Candidate* candidate = find(id)) ++candidate->replicas;
    }
    if (Candidate* leader = find(partition.replicas.front())) ++leader->led;
  }
  // Who has least of it comes first.
  std::map<std::tuple<std::int64_t, std::int64_t, std::size_t>, Candidate> in_turn;
  for (const Candidate& candidate : turns_) {
    in_turn.emplace(std::tuple{candidate.led, candidate.replicas, in_turn.size()}, candidate);
  }
  turns_.clear();
  for (const auto& [turn, candidate] : in_turn) turns_.push_back(candidate);
}

std::vector<BrokerId> ReplicaPlacement::next(std::int32_t replication_factor) {
  STRANDLINE_ASSERT(replication_factor >= 1);
  const auto wanted = static_cast<std::size_t>(replication_factor);
  STRANDLINE_ASSERT(wanted <= turns_.size());
  std::ranges::fill(rack_uses_, 0);
  for (Candidate& candidate : turns_) candidate.chosen = false;
  replicas_.clear();

  Candidate& leader = turns_.front();
  choose(leader);
  while (replicas_.size() < wanted) choose_follower();
  // The second takes over when the first fails, so it must not be the same one always.
  shuffle(std::span{replicas_}.subspan(1));

  latest_rack_ = leader.rack;
  ++leader.led;
  const auto back =
      std::ranges::upper_bound(turns_.begin() + 1, turns_.end(), leader.led, {}, &Candidate::led);
  std::rotate(turns_.begin(), turns_.begin() + 1, back);
  if (turns_.front().led == turns_.back().led) shuffle_turns();
  return replicas_;
}

// Of equals that which leads last from now on: whoever is about to lead gets a replica by that, and
// would have one too many. So the brokers that have a replica less than others are always those
// that lead next.
void ReplicaPlacement::choose_follower() {
  using Rank = std::pair<std::int32_t, std::int64_t>;
  std::optional<Rank> best_rank;
  Candidate* best = nullptr;
  for (Candidate& candidate : turns_) {
    if (candidate.chosen) continue;
    const Rank rank{rack_uses_[candidate.rack], candidate.replicas};
    if (best_rank && rank > *best_rank) continue;
    best_rank = rank;
    best = &candidate;
  }
  STRANDLINE_ASSERT(best != nullptr);
  choose(*best);
}

void ReplicaPlacement::choose(Candidate& candidate) {
  candidate.chosen = true;
  ++candidate.replicas;
  ++rack_uses_[candidate.rack];
  replicas_.push_back(candidate.id);
}

}  // namespace strandline
