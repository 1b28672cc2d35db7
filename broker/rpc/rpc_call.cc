#include "broker/rpc/rpc_call.h"

#include <string>

#include "protocol/base/assertion.h"
#include "protocol/proto/rpc_messages.h"

namespace strandline {

RpcRequest::~RpcRequest() {
  if (channel_ != nullptr) fail(Errc::unknown_server_error, "the request was given up");
}

void RpcRequest::answer(RpcPayload payload) {
  STRANDLINE_ASSERT(channel_ != nullptr);
  rpc::FrameHeader header = received_.header();
  header.kind = rpc::FrameKind::response;
  const auto sent = channel_->send_frame(header, std::move(payload), RpcChannel::Bound::exempt);
  if (!sent && sent.error() != Errc::rpc_not_connected) {
    return fail(errc_of(sent.error()), "the answer does not fit into a frame");
  }
  channel_ = nullptr;
  received_ = RpcMessage{};
}

void RpcRequest::fail(Errc code, std::string_view text) {
  STRANDLINE_ASSERT(channel_ != nullptr);
  rpc::FrameHeader header = received_.header();
  header.kind = rpc::FrameKind::error;
  RpcPayload payload{.message = encode_rpc_error({.code = code, .text = std::string{text}}),
                     .attachments = {}};
  // Cannot be too large; when the connection is gone nobody waits.
  (void)channel_->send_frame(header, std::move(payload), RpcChannel::Bound::exempt);
  channel_ = nullptr;
  received_ = RpcMessage{};
}

}  // namespace strandline
