#include "protocol/wire/messages/elect_leaders.h"

#include "protocol/wire/instantiate.h"

namespace strandline::wire {

STRANDLINE_WIRE_API(ElectLeadersRequest, ElectLeadersResponse)

}  // namespace strandline::wire
