// What the simulated quorum keeps of each broker.
//
// Thread   one owner
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/hash.h"
#include "replication/quorum/quorum.h"
#include "tests/sim/quorum/world.h"

namespace strandline::sim::quorum {

inline std::string text(Offset offset) { return std::to_string(offset.value()); }
inline std::string text(LeaderEpoch epoch) { return std::to_string(epoch.value()); }

inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  std::array<std::byte, 16> bytes;
  store_be(bytes.data(), a);
  store_be(bytes.data() + 8, b);
  return xxh3(bytes);
}

inline bool same(const QuorumBatch& a, const QuorumBatch& b) {
  return a.base_offset == b.base_offset && a.next_offset == b.next_offset && a.epoch == b.epoch &&
         *a.bytes == *b.bytes;
}

// One broker: its disk, which outlives it, and its core while it runs.
struct World::Node {
  ReplicaKey key;
  // On the disk.
  QuorumVote vote;
  std::uint64_t starts = 0;
  LogEnd snapshot;
  VoterSet snapshot_voters;
  std::size_t snapshot_number = 0;  // in World::snapshots_, once it has one
  bool has_snapshot = false;
  std::vector<QuorumBatch> log;  // behind the snapshot; durable below `flushed`
  Offset flushed{0};
  // While it runs.
  std::unique_ptr<Quorum> core;
  std::uint64_t life = 0;
  Instant disk_free{};
  Offset applied{0};
  std::vector<QuorumVote> votes_under_way;
  std::vector<std::byte> receiving;

  Offset end() const { return log.empty() ? snapshot.offset : log.back().next_offset; }
};

}  // namespace strandline::sim::quorum
