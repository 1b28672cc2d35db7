// Produce: checks each batch where it was received, appends it where its partition lives, and
// answers when the durability that was asked for is reached.
//
// Thread   the connection's shard
#pragma once

#include "broker/handlers/call.h"

namespace strandline {

void handle_produce(Call call);

}  // namespace strandline
