// Which brokers get the replicas of a topic's partitions.
//
// What holds, in this order:
//   no broker has two replicas of a partition
//   the replicas of a partition are in as many racks as possible, and as evenly as possible; racks
//     count only when all live brokers have one
//   brokers lead equally many partitions of the topic, within one: they take turns
//   brokers have equally many replicas of it, within one, where racks of unequal size do not forbid
// Beyond that chance decides: each round of turns has an order of its own, so that the partitions
// of a broker that fails go to many others, and topics of one partition spread as well. What other
// topics have where is not looked at.
//
// Thread   one owner
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/base/prng.h"
#include "replication/metadata/image.h"

namespace strandline {

class ReplicaPlacement {
 public:
  // prng   outlives it
  // Needs  a live broker
  ReplicaPlacement(std::span<const BrokerImage* const> live, Prng& prng);

  // A topic that grows: goes on from what it has. Before the first next().
  void take_over(std::span<const PartitionImage> partitions);

  // The replicas of the topic's next partition, the first of which is to lead.
  //
  // Needs    replication_factor between 1 and the number of live brokers
  std::vector<BrokerId> next(std::int32_t replication_factor);

 private:
  struct Candidate {
    BrokerId id;
    std::size_t rack = 0;
    std::int64_t led = 0;  // partitions of this topic
    std::int64_t replicas = 0;
    bool chosen = false;  // for the present partition
  };

  void shuffle_turns();
  template <class T>
  void shuffle(std::span<T> all);
  void choose_follower();
  void choose(Candidate& candidate);
  Candidate* find(BrokerId id);

  Prng& prng_;
  // In the order in which they lead; in a new order whenever all have led equally often. Those that
  // have led less than others come first.
  std::vector<Candidate> turns_;
  std::vector<std::int32_t> rack_uses_;     // by the present partition
  std::optional<std::size_t> latest_rack_;  // of the latest leader
  std::vector<BrokerId> replicas_;          // of the present partition
};

// A number for each broker's rack, in their order: equal where the racks are. Brokers of which not
// all have a rack get one of their own each.
std::vector<std::size_t> rack_numbers(std::span<const BrokerImage* const> brokers);

}  // namespace strandline
