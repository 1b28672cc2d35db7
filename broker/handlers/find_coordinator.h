// FindCoordinator (10). There are neither groups nor transactions yet: a group has no coordinator
// available, and a transactional id is refused once and for all.
//
// Thread   pure function
#pragma once

#include <cstdint>

#include "protocol/wire/messages/find_coordinator.h"

namespace strandline {

wire::FindCoordinatorResponse answer_find_coordinator(const wire::FindCoordinatorRequest& request,
                                                      std::int16_t version);

}  // namespace strandline
