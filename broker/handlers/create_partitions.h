// CreatePartitions (37).
//
// Thread   the controller's
#pragma once

#include "broker/handlers/common.h"
#include "protocol/wire/messages/create_partitions.h"

namespace strandline {

Decided<wire::CreatePartitionsResponse> decide_create_partitions(
    Controller& controller, const wire::CreatePartitionsRequest& request);

}  // namespace strandline
