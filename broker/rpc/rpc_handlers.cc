#include "broker/rpc/rpc_handlers.h"

#include <utility>

#include "broker/logging/log.h"
#include "protocol/base/assertion.h"

namespace strandline {

void RpcHandlers::on_request(rpc::Method method, OnRequest handler) {
  STRANDLINE_ASSERT(method != rpc::kNoMethod && !messages_.contains(method));
  const bool added = requests_.emplace(method, std::move(handler)).second;
  STRANDLINE_ASSERT(added);
}

void RpcHandlers::on_message(rpc::Method method, OnMessage handler) {
  STRANDLINE_ASSERT(method != rpc::kNoMethod && !requests_.contains(method));
  const bool added = messages_.emplace(method, std::move(handler)).second;
  STRANDLINE_ASSERT(added);
}

void RpcHandlers::dispatch(RpcContext& context, RpcChannel& channel, RpcMessage message) const {
  const rpc::Method method = message.method();
  if (message.header().kind == rpc::FrameKind::request) {
    context.metrics.requests_served.add();
    RpcRequest request{channel.shared_from_this(), std::move(message)};
    if (const auto found = requests_.find(method); found != requests_.end()) {
      return found->second(std::move(request));
    }
    request.fail(Errc::unsupported_api, "this broker does not serve the method; it may be older");
  } else {
    context.metrics.one_way_received.add();
    if (const auto found = messages_.find(method); found != messages_.end()) {
      return found->second(channel, std::move(message));
    }
  }
  context.metrics.unknown_methods.add();
  log_limited(LogLevel::warn, "rpc", "method", "a method that nobody here takes; the peer is newer",
              {{"peer", channel.address()}, {"node", channel.peer().node_id}, {"method", method}});
}

}  // namespace strandline
