#include "broker/net/connection_table.h"

#include <vector>

namespace strandline {
namespace {

// How soon a connection that was not read for want of memory is looked at again, and how exact
// idle times are kept.
constexpr Duration kTick = std::chrono::milliseconds{50};

}  // namespace

ConnectionTable::ConnectionTable(ConnectionContext& context) : context_(context) {
  context_.on_closed = [this](Connection& connection) { connections_.erase(&connection); };
  context_.loop.after(kTick, [this] { tick(); });
}

void ConnectionTable::adopt(boost::asio::ip::tcp::socket socket) {
  auto connection = std::make_shared<Connection>(context_, std::move(socket));
  connections_.emplace(connection.get(), connection);
  connection->start();
}

void ConnectionTable::tick() {
  const Instant now = steady_now();
  std::vector<std::shared_ptr<Connection>> all;
  all.reserve(connections_.size());
  for (const auto& [key, connection] : connections_) all.push_back(connection);
  for (const auto& connection : all) {
    connection->check_idle(now);
    if (connection->is_open()) connection->resume_reading();
  }
  context_.loop.after(kTick, [this] { tick(); });
}

void ConnectionTable::close_all(CloseReason reason) {
  while (!connections_.empty()) {
    const std::shared_ptr<Connection> connection = connections_.begin()->second;
    connection->close(reason);
  }
}

}  // namespace strandline
