#include "protocol/wire/messages/create_topics.h"

#include "protocol/wire/instantiate.h"

namespace strandline::wire {

STRANDLINE_WIRE_API(CreateTopicsRequest, CreateTopicsResponse)

}  // namespace strandline::wire
