// Structs that several messages share.
//
// Thread   values
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/base/ids.h"
#include "protocol/wire/field.h"

namespace strandline::wire {

// Who leads a partition, told to a client that asked somebody else. Both -1: not told.
struct CurrentLeader {
  BrokerId leader_id = kNoBroker;
  LeaderEpoch leader_epoch = kNoLeaderEpoch;

  template <class V>
  static constexpr void describe(V& v) {
    v("leader_id", &CurrentLeader::leader_id);
    v("leader_epoch", &CurrentLeader::leader_epoch);
  }
  friend bool operator==(const CurrentLeader&, const CurrentLeader&) = default;
};

// Where to find a broker named in a CurrentLeader.
struct NodeEndpoint {
  BrokerId node_id = kNoBroker;
  std::string host;
  std::int32_t port = 0;
  std::optional<std::string> rack;

  template <class V>
  static constexpr void describe(V& v) {
    v("node_id", &NodeEndpoint::node_id);
    v("host", &NodeEndpoint::host);
    v("port", &NodeEndpoint::port);
    v("rack", &NodeEndpoint::rack, nullable());
  }
  friend bool operator==(const NodeEndpoint&, const NodeEndpoint&) = default;
};

}  // namespace strandline::wire
