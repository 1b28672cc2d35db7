#include "protocol/wire/messages/list_offsets.h"

#include "protocol/wire/instantiate.h"

namespace strandline::wire {

STRANDLINE_WIRE_API(ListOffsetsRequest, ListOffsetsResponse)

}  // namespace strandline::wire
