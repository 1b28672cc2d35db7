// The feature level of a cluster, "metadata.version": what its metadata log, the messages between
// its brokers and their files may hold. It is finalised in the metadata log once every broker can
// work at it; nothing that came with a level is used before.
//
//   1   topics, configs and producer ids of a lone broker
//   2   eligible leader replicas, reassignments, replicas that cut their logs
//   3   voters and terms
//   4   a leader whose disk stalls says so to the controller (StallRequest)
//   5   the last complete replica is kept as such while its log does not open (OpenedRequest)
//
// Thread   any: constants
#pragma once

#include <cstdint>
#include <string_view>

namespace strandline {

inline constexpr std::string_view kMetadataVersionFeature = "metadata.version";

// The level that this program takes a cluster to, and the newest that it can read. Where it is
// raised, the commit before becomes that of tests/upgrade/previous.toml.
inline constexpr std::int32_t kMetadataVersion = 5;

// Those that something asks for; the others have to be there already.
inline constexpr std::int32_t kStallRequestLevel = 4;
inline constexpr std::int32_t kUnopenedReplicaLevel = 5;

}  // namespace strandline
