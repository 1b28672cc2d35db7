// One connection that another broker opened to us.
//
// States   greeting -> serving -> ended
//          greeting -> handed over to another loop
//          greeting -> refused (our answer is on its way) -> ended
//
// Thread   the loop of its context
// Owns     its channel; is owned by the RpcServer until it has ended
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>

#include "broker/rpc/rpc_server.h"

namespace strandline {

class RpcServerConnection : public std::enable_shared_from_this<RpcServerConnection> {
 public:
  // server   outlives the connection as long as it is open
  RpcServerConnection(RpcServer& server, std::uint64_t number, boost::asio::ip::tcp::socket socket);

  void start();
  // The hello came to another loop.
  void start(const RpcHello& hello);
  void close(RpcClose reason);

 private:
  enum class State : std::uint8_t { greeting, serving, refused };

  void on_frame(RpcMessage message);
  void greet(const RpcMessage& message);
  void greet(const RpcHello& hello);
  void hand_over(const RpcHello& hello);
  void refuse(const RpcHello& hello, const RpcRefusal& refusal);
  void welcome(const RpcHello& hello);
  void be_refused(const RpcMessage& message);
  void on_closed(RpcClose reason, ErrorCode error);
  void say_reply(const RpcHelloReply& reply);

  RpcServer& server_;
  const std::uint64_t number_;
  boost::asio::ip::tcp::socket socket_;  // until the start
  std::shared_ptr<RpcChannel> channel_;
  State state_ = State::greeting;
  TimerId greeting_ends_;
};

}  // namespace strandline
