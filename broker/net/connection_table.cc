#include "broker/net/connection_table.h"

#include <utility>
#include <vector>

namespace strandline {
namespace {

// How soon a connection that was not read for want of memory is looked at again.
constexpr Duration kTick = std::chrono::milliseconds{50};
// How exact idle times are kept.
constexpr int kTicksPerIdleCheck = 20;

}  // namespace

ConnectionTable::ConnectionTable(ConnectionContext& context) : context_(context) {
  context_.on_closed = [this](Connection& connection) { connections_.erase(&connection); };
  context_.loop.after(kTick, [this] { tick(); });
}

void ConnectionTable::adopt(boost::asio::ip::tcp::socket socket) {
  context_.metrics.count_accepted();
  serve(std::move(socket), Connection::History::none);
}

void ConnectionTable::adopt_moved(boost::asio::ip::tcp::socket socket) {
  context_.metrics.count_moved_in();
  serve(std::move(socket), Connection::History::requests);
}

void ConnectionTable::serve(boost::asio::ip::tcp::socket socket, Connection::History history) {
  auto connection = std::make_shared<Connection>(context_, std::move(socket), history);
  connections_.emplace(connection.get(), connection);
  connection->start();
}

void ConnectionTable::tick() {
  const bool check_idle = ++ticks_ % kTicksPerIdleCheck == 0;
  const bool resume = std::exchange(context_.any_paused, false);
  if (check_idle || resume) look_after_all(check_idle, resume);
  context_.loop.after(kTick, [this] { tick(); });
}

void ConnectionTable::look_after_all(bool check_idle, bool resume) {
  const Instant now = steady_now();
  std::vector<std::shared_ptr<Connection>> all;
  all.reserve(connections_.size());
  for (const auto& [key, connection] : connections_) all.push_back(connection);
  for (const auto& connection : all) {
    if (check_idle) connection->check_idle(now);
    if (resume && connection->is_open()) connection->resume_reading();
  }
}

void ConnectionTable::close_all(CloseReason reason) {
  while (!connections_.empty()) {
    const std::shared_ptr<Connection> connection = connections_.begin()->second;
    connection->close(reason);
  }
}

}  // namespace strandline
