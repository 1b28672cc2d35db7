#include "protocol/wire/messages/describe_log_dirs.h"

#include "protocol/wire/instantiate.h"

namespace strandline::wire {

STRANDLINE_WIRE_API(DescribeLogDirsRequest, DescribeLogDirsResponse)

}  // namespace strandline::wire
