// A request as the side that serves it sees it.
//
// Thread   the connection's loop
#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "broker/rpc/rpc_channel.h"
#include "broker/rpc/rpc_message.h"
#include "protocol/base/errc.h"

namespace strandline {

// The right to answer one request, once, now or later. Dropped without an answer it answers that
// something unexpected happened, so that nobody waits for what nobody will give. When the
// connection has ended meanwhile an answer goes nowhere.
class RpcRequest {
 public:
  RpcRequest(std::shared_ptr<RpcChannel> channel, RpcMessage message)
      : channel_(std::move(channel)), received_(std::move(message)) {}
  RpcRequest(RpcRequest&&) noexcept = default;
  RpcRequest& operator=(RpcRequest&&) = delete;
  ~RpcRequest();

  const RpcMessage& received() const { return received_; }
  ByteView message() const { return received_.message(); }
  // Over which it came: who asks, and where one-way messages back to them go.
  RpcChannel& channel() const { return *channel_; }

  // An answer is sent whatever waits already; one that is larger than a frame may be becomes the
  // error frame_too_large.
  void answer(RpcPayload payload);
  // text   what happened, for people; cut at kRpcTextBytesMax
  void fail(Errc code, std::string_view text);

 private:
  std::shared_ptr<RpcChannel> channel_;
  RpcMessage received_;
};

}  // namespace strandline
