// How a connection reads: a frame after the other, each the answer to the request that waits
// longest.
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/read.hpp>
#include <utility>

#include "client/net/broker_connection.h"
#include "protocol/base/errc.h"
#include "protocol/wire/frame.h"

namespace strandline::client {
namespace asio = boost::asio;
using boost::system::error_code;

void BrokerConnection::read_size() {
  asio::async_read(
      socket_, asio::buffer(size_),
      [weak = weak_from_this(), attempt = attempt_](const error_code& error, std::size_t) {
        const auto self = weak.lock();
        if (self == nullptr || self->attempt_ != attempt) return;
        if (error) return self->on_read_failed(error);
        const auto bytes = wire::decode_frame_size(self->size_, self->config_.frame_bytes_max);
        if (!bytes) return self->fail(bytes.error());
        self->read_frame(bytes.value());
      });
}

void BrokerConnection::read_frame(std::size_t bytes) {
  frame_ = std::make_shared<std::vector<std::byte>>(bytes);
  asio::async_read(socket_, asio::buffer(*frame_),
                   // The frame lives until nobody writes into it any more.
                   [weak = weak_from_this(), attempt = attempt_, frame = frame_](
                       const error_code& error, std::size_t) {
                     const auto self = weak.lock();
                     if (self == nullptr || self->attempt_ != attempt) return;
                     if (error) return self->on_read_failed(error);
                     self->on_frame();
                   });
}

void BrokerConnection::on_frame() {
  const std::uint64_t attempt = attempt_;
  if (state_ == State::greeting) {
    on_greeting(*frame_);
  } else {
    take_answer();
  }
  if (attempt == attempt_) read_size();
}

void BrokerConnection::take_answer() {
  if (requests_.empty() || !requests_.front()->begun) return fail(Errc::unasked_answer);
  auto body = decode(*frame_, requests_.front()->encoded.form);
  if (!body) return fail(body.error());
  const std::shared_ptr<Request> request = std::move(requests_.front());
  requests_.pop_front();
  watch();
  const std::uint64_t attempt = attempt_;
  request->on_reply(Answer{std::move(body.value()), std::move(frame_)});
  if (attempt == attempt_) settle_unanswered();
}

// A broker ends connections on which nothing happens for long.
void BrokerConnection::on_read_failed(const error_code& error) {
  const bool is_idle = state_ == State::up && requests_.empty() && error == asio::error::eof;
  if (is_idle) return go_idle();
  fail(error);
}

}  // namespace strandline::client
