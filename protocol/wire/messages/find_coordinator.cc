#include "protocol/wire/messages/find_coordinator.h"

#include "protocol/wire/instantiate.h"

namespace strandline::wire {

STRANDLINE_WIRE_API(FindCoordinatorRequest, FindCoordinatorResponse)

}  // namespace strandline::wire
