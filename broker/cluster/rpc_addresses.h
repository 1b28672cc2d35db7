// Where this broker listens for other brokers, and what they are told.
//
// Thread   pure functions
#pragma once

#include "broker/config/settings.h"
#include "protocol/base/host_port.h"

namespace strandline {

// None of both: it serves no other brokers.
struct RpcAddresses {
  HostPort listen;
  HostPort advertise;
};

// From rpc.listen, rpc.advertise, and its entry in cluster.voters.
RpcAddresses rpc_addresses(const Settings& settings);

}  // namespace strandline
