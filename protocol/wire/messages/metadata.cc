#include "protocol/wire/messages/metadata.h"

#include "protocol/wire/instantiate.h"

namespace strandline::wire {

STRANDLINE_WIRE_API(MetadataRequest, MetadataResponse)

}  // namespace strandline::wire
