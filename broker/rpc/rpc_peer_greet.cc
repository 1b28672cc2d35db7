// How a peer greets the broker at the other end of a connection, and what it waits for before and
// after.
#include "broker/logging/log.h"
#include "broker/rpc/handshake.h"
#include "broker/rpc/rpc_peer.h"
#include "protocol/base/errc.h"

namespace strandline {
namespace asio = boost::asio;

void RpcPeer::set_timer(Duration delay, void (RpcPeer::*then)()) {
  context_.loop.cancel(timer_);
  timer_ = context_.loop.after(delay, [weak = weak_from_this(), then] {
    if (const auto self = weak.lock()) (self.get()->*then)();
  });
}

void RpcPeer::wait_and_connect(Duration wait) {
  state_ = State::waiting;
  set_timer(wait, &RpcPeer::connect);
}

void RpcPeer::say_hello(asio::ip::tcp::socket socket) {
  RpcChannel::Owner owner{.on_frame =
                              [weak = weak_from_this()](RpcMessage message) {
                                if (const auto self = weak.lock())
                                  self->on_frame(std::move(message));
                              },
                          .on_closed =
                              [weak = weak_from_this()](RpcClose reason, ErrorCode error) {
                                if (const auto self = weak.lock()) self->on_closed(reason, error);
                              }};
  channel_ = std::make_shared<RpcChannel>(context_, std::move(socket), RpcChannel::Side::connected,
                                          std::move(owner));
  state_ = State::greeting;
  set_timer(context_.limits.handshake_max, &RpcPeer::greeting_timed_out);
  hello_ = {.self = context_.self,
            .expected_node = options_.expected_node,
            .expected_directory = options_.expected_directory,
            .lane = options_.lane};
  channel_->start();
  (void)channel_->send_frame({.kind = rpc::FrameKind::hello},
                             {.message = encode_rpc_hello(hello_), .attachments = {}},
                             RpcChannel::Bound::exempt);
}

void RpcPeer::greeting_timed_out() {
  if (!refused_) {
    log_limited(LogLevel::warn, "rpc", "connect", "a broker did not answer the handshake",
                {{"address", address_}});
  }
  channel_->close(RpcClose::handshake);
}

void RpcPeer::greet(const RpcMessage& message) {
  const auto reply = decode_rpc_hello_reply(message.message());
  if (!reply) return channel_->close(RpcClose::malformed, reply.error());
  if (reply.value().refusal) return be_refused(*reply.value().refusal);
  auto refusal = check_hello_reply(reply.value(), hello_);
  if (!refusal && hooks_.verify) refusal = hooks_.verify(reply.value().self);
  if (refusal) return refuse(*refusal);
  come_up(reply.value().self);
}

void RpcPeer::be_refused(const RpcRefusal& refusal) {
  context_.metrics.count_refused_by_peer(refusal.reason);
  log_limited(
      LogLevel::warn, "rpc", "refused_by_peer", "a broker refused our connection",
      {{"address", address_}, {"reason", refusal_name(refusal.reason)}, {"text", refusal.text}});
  refused_ = refusal.reason != RefusalReason::not_ready;
  channel_->close(RpcClose::handshake, Errc::rpc_refused);
}

// It took us in, so it has to hear that we do not want to stay, and why.
void RpcPeer::refuse(const RpcRefusal& refusal) {
  context_.metrics.count_refused(refusal.reason);
  log_limited(
      LogLevel::warn, "rpc", "refused", "a broker was refused",
      {{"address", address_}, {"reason", refusal_name(refusal.reason)}, {"text", refusal.text}});
  refused_ = true;
  const RpcHelloReply reply{.self = hello_.self, .protocol = 0, .refusal = refusal};
  (void)channel_->send_frame({.kind = rpc::FrameKind::hello_reply},
                             {.message = encode_rpc_hello_reply(reply), .attachments = {}},
                             RpcChannel::Bound::exempt);
  channel_->finish();
}

void RpcPeer::come_up(const RpcIdentity& peer) {
  state_ = State::up;
  context_.loop.cancel(timer_);
  up_since_ = steady_now();
  channel_->establish(peer);
  context_.metrics.connects.add();
  if (++times_up_ > 1) context_.metrics.reconnects.add();
  context_.metrics.peers_up.add(1);
  endpoints_.clear();
  log_limited(LogLevel::info, "rpc", "up", "connected to a broker",
              {{"address", address_}, {"node", peer.node_id}});
  if (hooks_.on_up) hooks_.on_up(*channel_);
}

}  // namespace strandline
