#include "protocol/wire/messages/create_partitions.h"

#include "protocol/wire/instantiate.h"

namespace strandline::wire {

STRANDLINE_WIRE_API(CreatePartitionsRequest, CreatePartitionsResponse)

}  // namespace strandline::wire
