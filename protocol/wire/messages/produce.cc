#include "protocol/wire/messages/produce.h"

#include "protocol/wire/instantiate.h"

namespace strandline::wire {

STRANDLINE_WIRE_API(ProduceRequest, ProduceResponse)

}  // namespace strandline::wire
