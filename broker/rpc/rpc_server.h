// The connections that other brokers opened to one loop of ours: accepted, greeted, served.
//
//   RpcServer server{context, handlers, {}, {.admit = ..., .on_up = ..., .on_down = ...}};
//   server.listen("0.0.0.0", 9094);
//
// A broker with several loops listens on one, which hands what is meant for the others over to them
// (hand_over, adopt) once it was said hello.
//
// Thread   the loop of its context
// Owns     the listening socket and every connection
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "broker/net/listener.h"
#include "broker/rpc/rpc_context.h"
#include "broker/rpc/rpc_handlers.h"
#include "protocol/base/result.h"

namespace strandline {

class RpcServerConnection;

struct RpcServerOptions {
  // One more is closed as it comes.
  std::size_t connections_max = 1024;
  // Connections that were not welcomed (yet); one more ends the oldest of them, so that a crowd of
  // strangers keeps no broker out: brokers say hello at once.
  std::size_t greeting_max = 128;
  // Which of the broker's loops this is, and how many there are; see RpcHello.
  std::uint32_t lane = kControlLane;
  std::uint32_t lanes = 1;
};

class RpcServer {
 public:
  struct Hooks {
    // Whether this broker may connect; the pair itself was checked before (handshake.h). Unset:
    // everybody may.
    std::function<std::optional<RpcRefusal>(const RpcHello& hello)> admit;
    // A broker is here: who, and where messages to it go, is in the channel.
    std::function<void(RpcChannel& channel)> on_up;
    // A broker that was here is gone. Not called for connections that this side shut down.
    std::function<void(RpcChannel& channel, RpcClose reason, ErrorCode error)> on_down;
    // A connection that is for another lane that there is: the descriptor is the taker's, who lets
    // that loop's server adopt it with the hello. Unset: such connections are refused.
    std::function<void(int native_handle, const RpcHello& hello)> hand_over;
  };

  // context, handlers   outlive the server
  RpcServer(RpcContext& context, const RpcHandlers& handlers, const RpcServerOptions& options,
            Hooks hooks);
  ~RpcServer();
  RpcServer(const RpcServer&) = delete;
  RpcServer& operator=(const RpcServer&) = delete;

  // Listens on one address and serves what comes; port 0 picks a free one.
  //
  // Errors   any resolver or socket code; address_in_use when somebody listens there
  Result<boost::asio::ip::tcp::endpoint> listen(const std::string& host, std::uint16_t port);

  // Serves a connection that was accepted elsewhere; the descriptor is the server's from here on.
  void adopt(int native_handle);
  // The same for one that has said this hello to another loop; it is answered here.
  void adopt(int native_handle, const RpcHello& hello);

  // Ends everything; nothing is accepted or served after that.
  void close();

  std::size_t size() const { return connections_.size(); }

 private:
  friend class RpcServerConnection;

  std::shared_ptr<RpcServerConnection> take_in(int native_handle);
  void greeted(std::uint64_t number) { greeting_.erase(number); }
  void ended(std::uint64_t number);

  RpcContext& context_;
  const RpcHandlers& handlers_;
  const RpcServerOptions options_;
  const Hooks hooks_;
  bool closed_ = false;
  std::unique_ptr<Listener> listener_;
  std::uint64_t adopted_ = 0;
  std::map<std::uint64_t, std::shared_ptr<RpcServerConnection>> connections_;
  std::set<std::uint64_t> greeting_;  // of these, who was not welcomed; oldest first
};

}  // namespace strandline
