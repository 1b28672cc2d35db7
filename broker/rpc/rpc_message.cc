#include "broker/rpc/rpc_message.h"

#include "broker/rpc/rpc_channel.h"

namespace strandline {

RpcHold::RpcHold(std::shared_ptr<RpcChannel> channel, std::uint64_t bytes)
    : channel_(std::move(channel)), bytes_(bytes) {
  channel_->hold(bytes_);
}

RpcHold::~RpcHold() {
  if (channel_ != nullptr) channel_->release(bytes_);
}

}  // namespace strandline
