#include "protocol/wire/messages/init_producer_id.h"

#include "protocol/wire/instantiate.h"

namespace strandline::wire {

STRANDLINE_WIRE_API(InitProducerIdRequest, InitProducerIdResponse)

}  // namespace strandline::wire
