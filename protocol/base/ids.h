// The names of things that all parts agree on.
//
// Thread   values, no state
#pragma once

#include <cstdint>

#include "protocol/base/strong.h"

namespace strandline {

// Place of a record in a partition. Dense from 0.
using Offset = StrongPoint<struct OffsetTag, std::int64_t>;
inline constexpr Offset kNoOffset{-1};

// Counts the leaders of one partition; -1 is "not known".
using LeaderEpoch = StrongPoint<struct LeaderEpochTag, std::int32_t>;
inline constexpr LeaderEpoch kNoLeaderEpoch{-1};

// A broker's node.id.
using BrokerId = StrongId<struct BrokerIdTag, std::int32_t>;
inline constexpr BrokerId kNoBroker{-1};

using PartitionIndex = StrongId<struct PartitionIndexTag, std::int32_t>;

// Given out in blocks by the controller, unique in the cluster for ever; -1 is "none".
using ProducerId = StrongPoint<struct ProducerIdTag, std::int64_t>;
inline constexpr ProducerId kNoProducerId{-1};

// Counts the incarnations of one producer id.
using ProducerEpoch = StrongPoint<struct ProducerEpochTag, std::int16_t>;
inline constexpr ProducerEpoch kNoProducerEpoch{-1};

// Counts a producer's records in one partition: 0 … 2^31-1, then 0 again; -1 is "none".
using Sequence = StrongId<struct SequenceTag, std::int32_t>;
inline constexpr Sequence kNoSequence{-1};

// The sequence `distance` (>= 0) records after `from`, wrapping as KIP-98 says.
constexpr Sequence sequence_after(Sequence from, std::int32_t distance) {
  const std::int64_t sum = std::int64_t{from.value()} + distance;
  return Sequence{static_cast<std::int32_t>(sum & 0x7fffffff)};
}

}  // namespace strandline
