// Who takes which method. Filled at the start; one table serves all connections of a loop.
//
// Thread   filled before the first connection, then only read
#pragma once

#include <functional>
#include <map>

#include "broker/rpc/rpc_call.h"
#include "broker/rpc/rpc_channel.h"
#include "broker/rpc/rpc_message.h"

namespace strandline {

class RpcHandlers {
 public:
  using OnRequest = std::function<void(RpcRequest)>;
  using OnMessage = std::function<void(RpcChannel& from, RpcMessage)>;

  // Each method once, as a request or as a message. Needs a method that is not kNoMethod.
  void on_request(rpc::Method method, OnRequest handler);
  void on_message(rpc::Method method, OnMessage handler);

  // Hands on a request or a one-way message. What nobody takes is answered with unsupported_api, or
  // dropped; both come from a newer version and are counted.
  void dispatch(RpcContext& context, RpcChannel& channel, RpcMessage message) const;

 private:
  std::map<rpc::Method, OnRequest> requests_;
  std::map<rpc::Method, OnMessage> messages_;
};

}  // namespace strandline
