// The brokers of a cluster as a client reaches them: one connection each, to where they said they
// are; and, until any of them is known or when none can be reached, to the addresses it was given.
//
// Thread   the loop of its io_context
// Owns     the connections
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "client/core/requests.h"
#include "client/net/broker_connection.h"
#include "protocol/base/host_port.h"
#include "protocol/base/prng.h"

namespace strandline::client {

class BrokerPool {
 public:
  // bootstrap   at least one
  // seed        of the choice of brokers, and of jitter
  BrokerPool(boost::asio::io_context& io, std::vector<HostPort> bootstrap,
             const ConnectionConfig& config, std::uint64_t seed);
  ~BrokerPool();
  BrokerPool(const BrokerPool&) = delete;
  BrokerPool& operator=(const BrokerPool&) = delete;

  // What LearnBrokers says. Requests to brokers that are gone or have moved fail.
  void learn(const std::vector<wire::NodeEndpoint>& brokers);

  // As BrokerConnection::send(). A broker that is not known is rpc_not_connected, not sent.
  // kNoBroker takes one after the other, those first that did not just fail.
  void send(BrokerId broker, const RequestBody& body, OnReply on_reply);

 private:
  using Connection = std::shared_ptr<BrokerConnection>;

  Connection make(const HostPort& address);
  BrokerConnection& any();
  void retire(Connection connection);

  boost::asio::io_context& io_;
  const ConnectionConfig config_;
  Prng prng_;
  std::vector<Connection> bootstrap_;
  std::map<BrokerId, Connection> brokers_;
  std::size_t turn_ = 0;
};

}  // namespace strandline::client
