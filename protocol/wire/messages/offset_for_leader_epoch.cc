#include "protocol/wire/messages/offset_for_leader_epoch.h"

#include "protocol/wire/instantiate.h"

namespace strandline::wire {

STRANDLINE_WIRE_API(OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse)

}  // namespace strandline::wire
