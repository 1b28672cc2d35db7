// A leader's wish for another ISR as the controller is asked for it, and its answer as the leader
// is told.
//
// Thread   pure functions
#pragma once

#include <cstdint>
#include <optional>

#include "broker/controller/controller_messages.h"
#include "broker/partition/replica_services.h"

namespace strandline {

// broker_epoch   of this broker's registration
AlterIsrRequest alter_isr_request(BrokerId self, std::int64_t broker_epoch,
                                  const PartitionKey& place, const IsrProposal& proposal);

// None: there is no answer, and it is asked again.
std::optional<IsrReply> isr_reply_of(const ControllerOutcome& outcome);

}  // namespace strandline
