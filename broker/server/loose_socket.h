// A socket between two loops: what one took away from its own, the other takes up.
//
// Thread   a value; each loop touches the socket while it has it
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include "broker/runtime/shard_loop.h"

namespace strandline {

class LooseSocket {
 public:
  explicit LooseSocket(boost::asio::ip::tcp::socket socket)
      : protocol_(socket.local_endpoint(ignored_).protocol()), handle_(socket.release(ignored_)) {}
  LooseSocket(boost::asio::ip::tcp protocol, int native_handle)
      : protocol_(protocol), handle_(native_handle) {}

  boost::asio::ip::tcp::socket take_up(ShardLoop& loop) const {
    boost::asio::ip::tcp::socket socket{loop.io()};
    boost::system::error_code ignored;  // one that is of no use any more fails at its first use
    socket.assign(protocol_, handle_, ignored);
    return socket;
  }

 private:
  boost::system::error_code ignored_;
  boost::asio::ip::tcp protocol_;
  int handle_;
};

}  // namespace strandline
