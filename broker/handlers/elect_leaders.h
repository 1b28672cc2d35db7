// ElectLeaders (43).
//
// Thread   the controller's
#pragma once

#include <span>
#include <string>
#include <vector>

#include "broker/handlers/common.h"
#include "protocol/wire/messages/elect_leaders.h"

namespace strandline {

// Asked for all partitions it answers only for those that it had to do something about.
Decided<wire::ElectLeadersResponse> decide_elect_leaders(const Controller& controller,
                                                         const wire::ElectLeadersRequest& request);

// A leader that may lack what was acknowledged: an administrator's choice against no leader at all.
struct UncleanElection {
  std::string topic;
  PartitionIndex partition;
  BrokerId leader = kNoBroker;
  std::vector<BrokerId> given_up;  // complete replicas: what only they have is lost
};

// Those among the records, which are about to be replayed.
std::vector<UncleanElection> unclean_elections(const MetadataImage& before,
                                               std::span<const MetadataRecord> records);

}  // namespace strandline
