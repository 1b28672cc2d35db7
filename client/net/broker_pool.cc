#include "client/net/broker_pool.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cstdint>
#include <set>
#include <utility>

#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"

namespace strandline::client {

BrokerPool::BrokerPool(boost::asio::io_context& io, std::vector<HostPort> bootstrap,
                       const ConnectionConfig& config, std::uint64_t seed)
    : io_(io), config_(config), prng_(seed) {
  STRANDLINE_ASSERT(!bootstrap.empty());
  for (const HostPort& address : bootstrap) bootstrap_.push_back(make(address));
  turn_ = prng_.below(bootstrap_.size());
}

BrokerPool::~BrokerPool() {
  for (const Connection& each : bootstrap_) each->close();
  for (const auto& [id, each] : brokers_) each->close();
}

BrokerPool::Connection BrokerPool::make(const HostPort& address) {
  return BrokerConnection::make(io_, address, config_, prng_.next());
}

void BrokerPool::learn(const std::vector<wire::NodeEndpoint>& brokers) {
  std::set<BrokerId> known;
  for (const wire::NodeEndpoint& each : brokers) {
    if (each.port <= 0 || each.port > UINT16_MAX) continue;  // nobody can be reached there
    known.insert(each.node_id);
    const HostPort address{each.host, static_cast<std::uint16_t>(each.port)};
    Connection& connection = brokers_[each.node_id];
    if (connection != nullptr && connection->address() == address) continue;
    if (connection != nullptr) retire(std::move(connection));
    connection = make(address);
  }
  std::erase_if(brokers_, [&](auto& entry) {
    if (known.contains(entry.first)) return false;
    retire(std::move(entry.second));
    return true;
  });
}

// Those who wait hear of it when the caller is done.
void BrokerPool::retire(Connection connection) {
  boost::asio::post(io_, [connection = std::move(connection)] { connection->end(); });
}

void BrokerPool::send(BrokerId broker, const RequestBody& body, OnReply on_reply) {
  if (broker == kNoBroker) return any().send(body, std::move(on_reply));
  const auto found = brokers_.find(broker);
  if (found != brokers_.end()) return found->second->send(body, std::move(on_reply));
  boost::asio::post(io_, [on_reply = std::move(on_reply)] {
    on_reply(Failure{Errc::rpc_not_connected, Delivery::not_sent});
  });
}

BrokerConnection& BrokerPool::any() {
  std::vector<BrokerConnection*> all;
  for (const auto& [id, each] : brokers_) all.push_back(each.get());
  const auto works = [](const BrokerConnection* each) { return !each->is_failing(); };
  if (std::ranges::none_of(all, works)) {
    for (const Connection& each : bootstrap_) all.push_back(each.get());
  }
  for (std::size_t tries = 0; tries < all.size(); ++tries) {
    BrokerConnection* const next = all[++turn_ % all.size()];
    if (works(next)) return *next;
  }
  return *all[++turn_ % all.size()];
}

}  // namespace strandline::client
