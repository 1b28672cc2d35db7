// How to take everything off a broker, before it leaves for good.
//
// Thread   values and pure functions
#pragma once

#include <cstdint>
#include <vector>

#include "protocol/base/ids.h"
#include "replication/metadata/controller.h"

namespace strandline {

struct DrainPlan {
  Outcome outcome;
  std::vector<Reassignment> moves;  // none unless all can be done; by topic name and partition
  std::int64_t leaving = 0;         // other partitions that are being taken off it already
};

// A reassignment for each partition that has, or is to have, a replica on `broker`: another broker
// takes its place in the order. Of the live brokers without a replica of the partition it is one
// whose rack has the fewest of them (where all live brokers have a rack), then one with the fewest
// replicas at all. A reassignment under way is led to the same end, but for this broker.
//
// Errors   of the outcome: invalid_request              there is no such broker
//                          invalid_replication_factor   a partition needs more brokers than are
//                          left
DrainPlan drain_plan(const MetadataImage& image, BrokerId broker);

}  // namespace strandline
