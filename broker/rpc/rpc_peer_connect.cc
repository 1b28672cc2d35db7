// How a peer gets its connection: looks its address up, tries, and waits between the tries.
#include <algorithm>

#include "broker/logging/log.h"
#include "broker/rpc/rpc_peer.h"
#include "protocol/base/errc.h"

namespace strandline {
namespace asio = boost::asio;
using boost::system::error_code;

void RpcPeer::connect() {
  state_ = State::connecting;
  ++attempt_;
  refused_ = false;
  set_timer(options_.connect_max, &RpcPeer::connect_timed_out);
  error_code not_literal;
  const auto literal = asio::ip::make_address(options_.address.host, not_literal);
  if (!not_literal) return connect_to({literal, options_.address.port});
  if (endpoints_.empty()) return look_up();
  const asio::ip::tcp::endpoint next = endpoints_.back();
  endpoints_.pop_back();
  connect_to(next);
}

// One question at a time. Its answer may take longer than a try to connect, and serves the next.
void RpcPeer::look_up() {
  if (looking_up_) return;
  looking_up_ = true;
  resolver_.async_resolve(
      options_.address.host, std::to_string(options_.address.port),
      [weak = weak_from_this()](const error_code& error,
                                const asio::ip::tcp::resolver::results_type& found) {
        const auto self = weak.lock();
        if (self == nullptr) return;
        self->looking_up_ = false;
        for (const auto& entry : found) self->endpoints_.push_back(entry.endpoint());
        std::ranges::reverse(self->endpoints_);
        if (self->state_ != State::connecting) return;
        if (error || self->endpoints_.empty()) return self->failed_to_connect(error);
        self->connect();
      });
}

void RpcPeer::connect_to(const asio::ip::tcp::endpoint& endpoint) {
  socket_ = asio::ip::tcp::socket{context_.loop.io()};
  socket_.async_connect(endpoint,
                        [weak = weak_from_this(), attempt = attempt_](const error_code& error) {
                          const auto self = weak.lock();
                          if (self == nullptr || self->attempt_ != attempt) return;
                          if (error) return self->failed_to_connect(error);
                          self->connected();
                        });
}

void RpcPeer::connect_timed_out() { failed_to_connect(asio::error::timed_out); }

void RpcPeer::failed_to_connect(ErrorCode error) {
  ++attempt_;  // what is under way comes to nothing
  socket_ = asio::ip::tcp::socket{context_.loop.io()};
  context_.metrics.connect_failures.add();
  log_limited(LogLevel::warn, "rpc", "connect", "a broker was not reached",
              {{"address", address_}, {"error", error.message()}});
  wait_and_connect(backoff_.next());
}

void RpcPeer::connected() {
  error_code ignored;
  // A port of this machine that nobody listens on can be the one the system picks for our own end.
  if (socket_.local_endpoint(ignored) == socket_.remote_endpoint(ignored)) {
    return failed_to_connect(asio::error::connection_refused);
  }
  say_hello(std::move(socket_));
}

}  // namespace strandline
