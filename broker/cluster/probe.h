// Looks whether a process listens at an address: after a connection broke, a process that is gone
// is told from a network or a process that hangs.
//
// Thread   the loop
// Owns     one socket while it looks; destroyed before it is done it says nothing
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>

#include "broker/runtime/shard_loop.h"
#include "protocol/base/host_port.h"
#include "replication/metadata/broker_sessions.h"

namespace strandline {

class Probe {
 public:
  using Done = std::function<void(ProbeResult)>;

  // `done` is called once, later, on the loop.
  Probe(ShardLoop& loop, const HostPort& address, Duration time_max, Done done);
  ~Probe();
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace strandline
