#include "broker/partition/admission.h"

#include "broker/rpc/handshake.h"

namespace strandline {

std::optional<RpcRefusal> refuse_impostor(const MetadataImage& image, const RpcIdentity& peer) {
  const BrokerImage* const known = image.broker(peer.node_id);
  if (known == nullptr || known->directory.is_zero() || known->fenced) return std::nullopt;
  if (known->directory == peer.directory_id) return std::nullopt;
  return refuse_directory(peer, known->directory);
}

}  // namespace strandline
