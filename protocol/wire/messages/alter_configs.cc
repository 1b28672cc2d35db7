#include "protocol/wire/messages/alter_configs.h"

#include "protocol/wire/instantiate.h"

namespace strandline::wire {

STRANDLINE_WIRE_API(AlterConfigsRequest, AlterConfigsResponse)
STRANDLINE_WIRE_API(IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse)

}  // namespace strandline::wire
