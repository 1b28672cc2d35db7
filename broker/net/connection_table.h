// The connections of one shard: made, counted, looked after, closed.
//
// Thread   the shard
// Owns     every open connection
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <memory>
#include <unordered_map>

#include "broker/net/connection.h"

namespace strandline {

class ConnectionTable {
 public:
  // context   outlives the table; its on_closed is set by the table
  explicit ConnectionTable(ConnectionContext& context);

  void adopt(boost::asio::ip::tcp::socket socket);
  // Of a client that another shard has served so far.
  void adopt_moved(boost::asio::ip::tcp::socket socket);
  void close_all(CloseReason reason);
  std::size_t size() const { return connections_.size(); }

 private:
  void serve(boost::asio::ip::tcp::socket socket, Connection::History history);
  void tick();
  void look_after_all(bool check_idle, bool resume);

  ConnectionContext& context_;
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections_;
  int ticks_ = 0;
};

}  // namespace strandline
