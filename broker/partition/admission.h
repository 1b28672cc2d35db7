// Which brokers a connection is taken from, by what the cluster knows of them.
//
// Thread   any, no state
#pragma once

#include <optional>

#include "protocol/proto/rpc_messages.h"
#include "replication/metadata/image.h"

namespace strandline {

// One node.id is one broker: with another data directory than it is known by it is let in only
// while the known one is gone, as a broker whose disk was lost. None: it may come in.
std::optional<RpcRefusal> refuse_impostor(const MetadataImage& image, const RpcIdentity& peer);

}  // namespace strandline
