// Whether a broker may be stopped now: what a rolling restart asks before each step.
//
// Thread   values and pure functions
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/ids.h"
#include "replication/metadata/controller.h"
#include "replication/metadata/partition_change.h"

namespace strandline {

// The voters of the metadata quorum, and those among them that its leader hears, itself included.
struct QuorumStanding {
  std::vector<BrokerId> voters;
  std::vector<BrokerId> alive;
};

enum class StopRisk : std::uint8_t {
  unavailable,       // nobody would lead it
  below_min_insync,  // acks=all would be refused, or acknowledged records have too few copies
};

struct PartitionAtRisk {
  std::string topic;
  PartitionIndex partition;
  StopRisk risk = StopRisk::unavailable;
  std::string why;  // for people
};

struct StopAnswer {
  static constexpr std::size_t kListedMax = 20;

  Outcome outcome;               // of the question; not ok: there is no such broker
  std::int64_t unavailable = 0;  // partitions; one counts in one place only
  std::int64_t below_min_insync = 0;
  std::vector<PartitionAtRisk> partitions;  // the first of them, unavailable ones before others
  std::string quorum;  // why the metadata quorum would stand still, for people; empty: it goes on

  bool is_safe() const {
    return outcome.ok() && unavailable == 0 && below_min_insync == 0 && quorum.empty();
  }
};

// What the stop of `broker` does to one partition; none: no harm. Names no topic.
//
// standing   of the other brokers
std::optional<PartitionAtRisk> partition_at_risk(const PartitionImage& partition, BrokerId broker,
                                                 std::int32_t min_insync_replicas,
                                                 const PartitionChange::StandingOf& standing);

// Empty: the voters go on without it.
std::string quorum_at_risk(const QuorumStanding& quorum, BrokerId broker);

}  // namespace strandline
