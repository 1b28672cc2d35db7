// FindCoordinator (10). There are neither groups nor transactions yet; clients that ask all the
// same are told so once and for all, never with a code that makes them try again.
//
// Thread   pure function
#pragma once

#include <cstdint>

#include "protocol/wire/messages/find_coordinator.h"

namespace strandline {

wire::FindCoordinatorResponse answer_find_coordinator(const wire::FindCoordinatorRequest& request,
                                                      std::int16_t version);

}  // namespace strandline
