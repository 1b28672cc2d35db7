#include "broker/cluster/rpc_addresses.h"

#include <algorithm>
#include <string>

namespace strandline {

RpcAddresses rpc_addresses(const Settings& settings) {
  RpcAddresses addresses{settings.rpc_listen, settings.rpc_advertise};
  std::string ignored;
  const auto voters = parse_voters(settings.cluster_voters, ignored);
  if (voters) {
    const auto own = std::ranges::find(*voters, BrokerId{settings.node_id}, &NamedVoter::node);
    if (own != voters->end() && addresses.listen.is_none()) addresses.listen = own->rpc;
    if (own != voters->end() && addresses.advertise.is_none()) addresses.advertise = own->rpc;
  }
  if (addresses.advertise.is_none()) addresses.advertise = addresses.listen;
  return addresses;
}

}  // namespace strandline
