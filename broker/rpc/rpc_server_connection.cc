#include "broker/rpc/rpc_server_connection.h"

#include <string>
#include <utility>

#include "broker/logging/log.h"
#include "broker/rpc/handshake.h"
#include "protocol/base/errc.h"

namespace strandline {

RpcServerConnection::RpcServerConnection(RpcServer& server, std::uint64_t number,
                                         boost::asio::ip::tcp::socket socket)
    : server_(server), number_(number), socket_(std::move(socket)) {}

void RpcServerConnection::start() {
  RpcChannel::Owner owner{.on_frame =
                              [weak = weak_from_this()](RpcMessage message) {
                                if (const auto self = weak.lock())
                                  self->on_frame(std::move(message));
                              },
                          .on_closed =
                              [weak = weak_from_this()](RpcClose reason, ErrorCode error) {
                                if (const auto self = weak.lock()) self->on_closed(reason, error);
                              }};
  channel_ = std::make_shared<RpcChannel>(server_.context_, std::move(socket_),
                                          RpcChannel::Side::accepted, std::move(owner));
  greeting_ends_ =
      server_.context_.loop.after(server_.context_.limits.handshake_max, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->close(RpcClose::handshake);
      });
  channel_->start();
}

void RpcServerConnection::start(const RpcHello& hello) {
  start();
  greet(hello);
}

void RpcServerConnection::close(RpcClose reason) { channel_->close(reason); }

void RpcServerConnection::on_frame(RpcMessage message) {
  const rpc::FrameKind kind = message.header().kind;
  if (state_ == State::greeting && kind == rpc::FrameKind::hello) return greet(message);
  if (state_ == State::serving) {
    if (kind == rpc::FrameKind::request || kind == rpc::FrameKind::one_way) {
      return server_.handlers_.dispatch(server_.context_, *channel_, std::move(message));
    }
    if (kind == rpc::FrameKind::hello_reply) return be_refused(message);
  }
  channel_->close(RpcClose::malformed, Errc::malformed_frame);
}

void RpcServerConnection::greet(const RpcMessage& message) {
  const auto hello = decode_rpc_hello(message.message());
  if (!hello) return channel_->close(RpcClose::malformed, hello.error());
  if (hello.value().lane != server_.options_.lane) return hand_over(hello.value());
  greet(hello.value());
}

void RpcServerConnection::greet(const RpcHello& hello) {
  auto refusal = check_hello(hello, server_.context_.self);
  if (!refusal && server_.hooks_.admit) refusal = server_.hooks_.admit(hello);
  if (refusal) return refuse(hello, *refusal);
  welcome(hello);
}

// Whether it may come in is for the loop that it wants to decide.
void RpcServerConnection::hand_over(const RpcHello& hello) {
  const RpcServerOptions& options = server_.options_;
  if (hello.lane >= options.lanes || !server_.hooks_.hand_over) {
    return refuse(hello, refuse_lane(server_.context_.self, hello.lane, options.lanes));
  }
  // Who connects says nothing more before it has an answer.
  if (channel_->has_more()) return channel_->close(RpcClose::malformed, Errc::malformed_frame);
  const auto self = shared_from_this();
  const int native_handle = channel_->give_away();
  server_.context_.loop.cancel(greeting_ends_);
  server_.ended(number_);
  server_.hooks_.hand_over(native_handle, hello);
}

void RpcServerConnection::say_reply(const RpcHelloReply& reply) {
  // It fits: names and texts of a handshake are short.
  (void)channel_->send_frame({.kind = rpc::FrameKind::hello_reply},
                             {.message = encode_rpc_hello_reply(reply), .attachments = {}},
                             RpcChannel::Bound::exempt);
}

void RpcServerConnection::refuse(const RpcHello& hello, const RpcRefusal& refusal) {
  state_ = State::refused;
  server_.context_.metrics.count_refused(refusal.reason);
  log_limited(LogLevel::warn, "rpc", "refused", "a broker was refused",
              {{"peer", channel_->address()},
               {"node", hello.self.node_id},
               {"reason", refusal_name(refusal.reason)},
               {"text", refusal.text}});
  say_reply({.self = server_.context_.self, .protocol = 0, .refusal = refusal});
  // Ends when the other side has read it, else when the time for the handshake is over.
  channel_->finish();
}

void RpcServerConnection::welcome(const RpcHello& hello) {
  state_ = State::serving;
  server_.greeted(number_);
  server_.context_.loop.cancel(greeting_ends_);
  say_reply({.self = server_.context_.self, .protocol = common_protocol(hello), .refusal = {}});
  channel_->establish(hello.self);
  log_limited(LogLevel::info, "rpc", "accepted", "a broker connected",
              {{"peer", channel_->address()}, {"node", hello.self.node_id}});
  if (server_.hooks_.on_up) server_.hooks_.on_up(*channel_);
}

// The side that connected was welcome, but does not take us for the one it looks for.
void RpcServerConnection::be_refused(const RpcMessage& message) {
  const auto reply = decode_rpc_hello_reply(message.message());
  if (!reply || !reply.value().refusal) {
    return channel_->close(RpcClose::malformed, Errc::malformed_frame);
  }
  const RpcRefusal& refusal = *reply.value().refusal;
  server_.context_.metrics.count_refused_by_peer(refusal.reason);
  log_limited(LogLevel::warn, "rpc", "refused_by_peer", "a broker that connected refused us",
              {{"peer", channel_->address()},
               {"node", channel_->peer().node_id},
               {"reason", refusal_name(refusal.reason)},
               {"text", refusal.text}});
  channel_->close(RpcClose::handshake, Errc::rpc_refused);
}

void RpcServerConnection::on_closed(RpcClose reason, ErrorCode error) {
  server_.context_.loop.cancel(greeting_ends_);
  server_.ended(number_);
  if (reason == RpcClose::shutdown || state_ == State::refused) return;
  const std::string_view why = kRpcCloseNames[static_cast<std::size_t>(reason)];
  if (state_ == State::greeting) {
    log_limited(LogLevel::warn, "rpc", "greeting", "a connection ended without a handshake",
                {{"peer", channel_->address()}, {"reason", why}, {"error", error.message()}});
    return;
  }
  if (error != Errc::rpc_refused) {  // of which was told already
    log_limited(LogLevel::info, "rpc", "left", "the connection of a broker ended",
                {{"peer", channel_->address()},
                 {"node", channel_->peer().node_id},
                 {"reason", why},
                 {"error", error.message()}});
  }
  if (server_.hooks_.on_down) server_.hooks_.on_down(*channel_, reason, error);
}

}  // namespace strandline
