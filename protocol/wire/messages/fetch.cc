#include "protocol/wire/messages/fetch.h"

#include "protocol/wire/instantiate.h"

namespace strandline::wire {

STRANDLINE_WIRE_API(FetchRequest, FetchResponse)

}  // namespace strandline::wire
