#include "protocol/wire/messages/delete_topics.h"

#include "protocol/wire/instantiate.h"

namespace strandline::wire {

STRANDLINE_WIRE_API(DeleteTopicsRequest, DeleteTopicsResponse)

}  // namespace strandline::wire
