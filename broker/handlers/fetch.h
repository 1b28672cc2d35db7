// Fetch: reads each partition where it lives, waits until there is enough, and answers with slices
// of segment files.
//
// Thread   the connection's shard
#pragma once

#include "broker/handlers/call.h"

namespace strandline {

void handle_fetch(Call call);

}  // namespace strandline
