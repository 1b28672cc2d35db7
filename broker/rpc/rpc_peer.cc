#include "broker/rpc/rpc_peer.h"

#include "broker/logging/log.h"
#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"

namespace strandline {
namespace asio = boost::asio;

std::shared_ptr<RpcPeer> RpcPeer::make(RpcContext& context, const RpcHandlers& handlers,
                                       RpcPeerOptions options, Hooks hooks) {
  return std::shared_ptr<RpcPeer>{
      new RpcPeer{context, handlers, std::move(options), std::move(hooks)}};
}

RpcPeer::RpcPeer(RpcContext& context, const RpcHandlers& handlers, RpcPeerOptions options,
                 Hooks hooks)
    : context_(context),
      handlers_(handlers),
      options_(std::move(options)),
      hooks_(std::move(hooks)),
      address_(to_text(options_.address)),
      backoff_(options_.backoff, options_.seed),
      resolver_(context.loop.io()),
      socket_(context.loop.io()) {}

RpcPeer::~RpcPeer() {
  context_.loop.cancel(timer_);
  for (auto& [id, call] : calls_) context_.loop.cancel(call.expires);
  if (state_ == State::up) context_.metrics.peers_up.add(-1);
  if (channel_ != nullptr) channel_->close(RpcClose::shutdown);
}

void RpcPeer::start() {
  STRANDLINE_ASSERT(state_ == State::stopped);
  connect();
}

void RpcPeer::stop() {
  const std::shared_ptr<RpcPeer> self = shared_from_this();
  if (state_ == State::up) context_.metrics.peers_up.add(-1);
  state_ = State::stopped;
  context_.loop.cancel(timer_);
  ++attempt_;  // what is under way comes to nothing
  socket_ = asio::ip::tcp::socket{context_.loop.io()};
  if (const auto channel = std::exchange(channel_, nullptr)) channel->close(RpcClose::shutdown);
  fail_calls(Errc::shutting_down);
  tell_failed();
}

void RpcPeer::call(rpc::Method method, RpcPayload payload, Duration time_max, OnAnswer on_answer) {
  if (state_ != State::up) return fail_soon(std::move(on_answer), Errc::rpc_not_connected);
  if (calls_.size() >= options_.calls_max) {
    return fail_soon(std::move(on_answer), Errc::rpc_queue_full);
  }
  const std::uint64_t id = last_call_ + 1;
  const rpc::FrameHeader header{
      .kind = rpc::FrameKind::request, .method = method, .request_id = id};
  const auto sent = channel_->send_frame(header, std::move(payload), RpcChannel::Bound::kept);
  if (!sent) return fail_soon(std::move(on_answer), sent.error());
  last_call_ = id;
  context_.metrics.calls.add();
  const TimerId expires = context_.loop.after(time_max, [weak = weak_from_this(), id] {
    if (const auto self = weak.lock()) self->expire(id);
  });
  calls_.emplace(id, Call{.method = method,
                          .on_answer = std::move(on_answer),
                          .expires = expires,
                          .sent_at = steady_now()});
}

void RpcPeer::expire(std::uint64_t id) {
  auto call = calls_.extract(id);
  STRANDLINE_ASSERT(!call.empty());
  context_.metrics.call_timeouts.add();
  call.mapped().on_answer({.error = Errc::request_timed_out, .error_text = {}, .message = {}});
}

// Never inside the call, so that nobody has to be prepared for it.
void RpcPeer::fail_soon(OnAnswer on_answer, ErrorCode error) {
  failed_.emplace_back(std::move(on_answer), error);
  if (failed_.size() > 1) return;
  context_.loop.post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->tell_failed();
  });
}

void RpcPeer::tell_failed() {
  for (auto& [on_answer, error] : std::exchange(failed_, {})) {
    on_answer({.error = error, .error_text = {}, .message = {}});
  }
}

void RpcPeer::fail_calls(ErrorCode error) {
  for (auto& [id, call] : std::exchange(calls_, {})) {
    context_.loop.cancel(call.expires);
    context_.metrics.calls_lost.add();
    call.on_answer({.error = error, .error_text = {}, .message = {}});
  }
}

void RpcPeer::on_frame(RpcMessage message) {
  const rpc::FrameKind kind = message.header().kind;
  if (state_ == State::greeting && kind == rpc::FrameKind::hello_reply) return greet(message);
  if (state_ == State::up) {
    switch (kind) {
      case rpc::FrameKind::response:
      case rpc::FrameKind::error: return take_answer(std::move(message));
      case rpc::FrameKind::request:
      case rpc::FrameKind::one_way:
        return handlers_.dispatch(context_, *channel_, std::move(message));
      default: break;
    }
  }
  channel_->close(RpcClose::malformed, Errc::malformed_frame);
}

void RpcPeer::take_answer(RpcMessage message) {
  const std::uint64_t id = message.header().request_id;
  const auto found = calls_.find(id);
  if (found == calls_.end() && id <= last_call_) {
    context_.metrics.late_answers.add();
    return;
  }
  RpcAnswer answer;
  bool is_sound = found != calls_.end() && found->second.method == message.method();
  if (is_sound && message.header().kind == rpc::FrameKind::error) {
    auto error = decode_rpc_error(message.message());
    is_sound = error.has_value();
    if (is_sound) {
      answer.error = error.value().code;
      answer.error_text = std::move(error.value().text);
      context_.metrics.call_errors.add();
    }
  }
  if (!is_sound) return channel_->close(RpcClose::malformed, Errc::malformed_frame);
  const Call call = std::move(found->second);
  calls_.erase(found);
  context_.loop.cancel(call.expires);
  context_.metrics.call_time.record(steady_now() - call.sent_at);
  if (!answer.error) answer.message = std::move(message);
  call.on_answer(std::move(answer));
}

void RpcPeer::on_closed(RpcClose reason, ErrorCode error) {
  if (state_ == State::stopped) return;
  context_.loop.cancel(timer_);
  const std::shared_ptr<RpcChannel> channel = std::exchange(channel_, nullptr);
  if (state_ != State::up) {
    // A refusal was told of already.
    if (!refused_) context_.metrics.connect_failures.add();
    if (!refused_ && reason != RpcClose::handshake) {
      log_limited(LogLevel::warn, "rpc", "connect", "the handshake with a broker failed",
                  {{"address", address_},
                   {"reason", kRpcCloseNames[static_cast<std::size_t>(reason)]},
                   {"error", error.message()}});
    }
    return wait_and_connect(refused_ ? options_.refused_wait : backoff_.next());
  }
  context_.metrics.peers_up.add(-1);
  log_limited(LogLevel::warn, "rpc", "down", "the connection to a broker was lost",
              {{"address", address_},
               {"node", channel->peer().node_id},
               {"reason", kRpcCloseNames[static_cast<std::size_t>(reason)]},
               {"error", error.message()}});
  // A connection that breaks as soon as it is up is not opened without a pause for ever.
  if (steady_now() - up_since_ >= options_.backoff.max) backoff_.reset();
  wait_and_connect(backoff_.next());
  if (hooks_.on_down) hooks_.on_down(channel->peer(), reason, error);
  fail_calls(Errc::rpc_connection_lost);
}

}  // namespace strandline
