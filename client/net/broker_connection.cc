#include "client/net/broker_connection.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <utility>

#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"

namespace strandline::client {
namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

std::string_view ConnectionConfig::problem() const {
  if (connect_max <= Duration{0} || answer_max <= Duration{0}) return "time-outs must be positive";
  if (frame_bytes_max == 0) return "an answer must have room for bytes";
  if (requests_max == 0) return "at least one request must be allowed under way";
  return "";
}

std::shared_ptr<BrokerConnection> BrokerConnection::make(asio::io_context& io, HostPort address,
                                                         const ConnectionConfig& config,
                                                         std::uint64_t seed) {
  return std::shared_ptr<BrokerConnection>(
      new BrokerConnection(io, std::move(address), config, seed));
}

BrokerConnection::BrokerConnection(asio::io_context& io, HostPort address,
                                   const ConnectionConfig& config, std::uint64_t seed)
    : io_(io),
      address_(std::move(address)),
      config_(config),
      prng_(seed),
      resolver_(io),
      socket_(io),
      timer_(io) {
  STRANDLINE_ASSERT(config.problem().empty());
}

BrokerConnection::~BrokerConnection() = default;

void BrokerConnection::send(const RequestBody& body, OnReply on_reply) {
  STRANDLINE_ASSERT(state_ != State::closed);
  if (requests_.size() >= config_.requests_max) {
    return fail_later(std::move(on_reply), Errc::rpc_queue_full);
  }
  auto encoded = encode(body, served_, ++last_correlation_, config_.client_id);
  if (!encoded) return fail_later(std::move(on_reply), encoded.error());
  auto request = std::make_shared<Request>();
  request->encoded = std::move(encoded.value());
  request->on_reply = std::move(on_reply);
  request->expires = asio::steady_timer::clock_type::now() + config_.answer_max;
  requests_.push_back(std::move(request));
  if (state_ == State::idle) return connect();
  if (state_ != State::up) return;
  if (requests_.size() == 1) watch();
  write_next();
}

void BrokerConnection::end() {
  const auto failed = std::exchange(requests_, {});
  close();
  for (const auto& request : failed) {
    request->on_reply(Failure{Errc::rpc_connection_lost,
                              request->begun ? Delivery::unknown : Delivery::not_sent});
  }
}

void BrokerConnection::close() {
  state_ = State::closed;
  ++attempt_;
  requests_.clear();
  timer_.cancel();
  resolver_.cancel();
  error_code ignored;
  socket_.close(ignored);
}

void BrokerConnection::connect() {
  state_ = State::connecting;
  ++attempt_;
  state_until_ = asio::steady_timer::clock_type::now() + config_.connect_max;
  watch();
  error_code not_literal;
  const auto literal = asio::ip::make_address(address_.host, not_literal);
  if (!not_literal) return connect_to({tcp::endpoint{literal, address_.port}});
  resolver_.async_resolve(address_.host, std::to_string(address_.port),
                          [weak = weak_from_this(), attempt = attempt_](
                              const error_code& error, const tcp::resolver::results_type& found) {
                            const auto self = weak.lock();
                            if (self == nullptr || self->attempt_ != attempt) return;
                            if (error) return self->fail(error);
                            std::vector<tcp::endpoint> endpoints;
                            for (const auto& entry : found) endpoints.push_back(entry.endpoint());
                            self->connect_to(endpoints);
                          });
}

void BrokerConnection::connect_to(const std::vector<tcp::endpoint>& endpoints) {
  socket_ = tcp::socket{io_};
  asio::async_connect(
      socket_, endpoints,
      [weak = weak_from_this(), attempt = attempt_](const error_code& error, const tcp::endpoint&) {
        const auto self = weak.lock();
        if (self == nullptr || self->attempt_ != attempt) return;
        if (error) return self->fail(error);
        self->greet();
      });
}

void BrokerConnection::greet() {
  error_code ignored;
  // A port of this machine that nobody listens on can be the one the system picks for our own end.
  if (socket_.local_endpoint(ignored) == socket_.remote_endpoint(ignored)) {
    return fail(asio::error::connection_refused);
  }
  socket_.set_option(tcp::no_delay{true}, ignored);
  state_ = State::greeting;
  greeting_correlation_ = ++last_correlation_;
  greeting_ = encode_versions_request(greeting_correlation_, config_.client_id);
  asio::async_write(
      socket_, asio::buffer(greeting_.data(), greeting_.size()),
      [weak = weak_from_this(), attempt = attempt_](const error_code& error, std::size_t) {
        const auto self = weak.lock();
        if (self == nullptr || self->attempt_ != attempt) return;
        if (error) self->fail(error);
      });
  read_size();
}

void BrokerConnection::on_greeting(ByteView frame) {
  auto served = decode_versions(frame, greeting_correlation_);
  if (!served) return fail(served.error());
  served_ = std::move(served.value());
  state_ = State::up;
  failures_ = 0;
  // What was encoded before this broker said what it knows.
  std::erase_if(requests_, [&](const auto& request) {
    if (can_read(*served_, request->encoded.form)) return false;
    fail_later(std::move(request->on_reply), Errc::rpc_not_connected);
    return true;
  });
  watch();
  write_next();
}

// One at a time, so that it is known which have begun to leave.
void BrokerConnection::write_next() {
  if (writing_ || state_ != State::up) return;
  const auto next =
      std::ranges::find_if(requests_, [](const auto& request) { return !request->begun; });
  if (next == requests_.end()) return;
  (*next)->begun = true;
  writing_ = true;
  const wire::ByteBuffer& bytes = (*next)->encoded.bytes;
  asio::async_write(socket_, asio::buffer(bytes.data(), bytes.size()),
                    // The request lives until its bytes are not looked at any more.
                    [weak = weak_from_this(), attempt = attempt_, request = *next](
                        const error_code& error, std::size_t) {
                      const auto self = weak.lock();
                      if (self == nullptr || self->attempt_ != attempt) return;
                      request->written = true;
                      self->on_written(error);
                    });
}

void BrokerConnection::on_written(const error_code& error) {
  if (error) return fail(error);
  writing_ = false;
  const std::uint64_t attempt = attempt_;
  settle_unanswered();
  if (attempt == attempt_) write_next();
}

// Those without an answer are done once they have left and those before them are done: replies keep
// the order of requests.
void BrokerConnection::settle_unanswered() {
  const std::uint64_t attempt = attempt_;
  while (!requests_.empty() && requests_.front()->written &&
         !requests_.front()->encoded.has_answer) {
    const std::shared_ptr<Request> done = std::move(requests_.front());
    requests_.pop_front();
    watch();
    done->on_reply(Sent{});
    if (attempt != attempt_) return;
  }
}

// Ends the connection for all that are under way, and waits before the next.
void BrokerConnection::fail(const ErrorCode& error) {
  ++attempt_;
  ++failures_;
  writing_ = false;
  resolver_.cancel();
  error_code ignored;
  socket_.close(ignored);
  state_ = State::waiting;
  const auto delay = config_.reconnect.after(failures_, prng_);
  state_until_ = asio::steady_timer::clock_type::now() + delay;
  const auto failed = std::exchange(requests_, {});
  watch();
  // Each may send again; that waits for the next connection.
  for (const auto& request : failed) {
    if (state_ == State::closed) return;
    request->on_reply(Failure{error, request->begun ? Delivery::unknown : Delivery::not_sent});
  }
}

void BrokerConnection::go_idle() {
  ++attempt_;
  writing_ = false;
  error_code ignored;
  socket_.close(ignored);
  timer_.cancel();
  state_ = State::idle;
}

void BrokerConnection::fail_later(OnReply on_reply, const ErrorCode& error) {
  asio::post(io_, [weak = weak_from_this(), on_reply = std::move(on_reply), error] {
    const auto self = weak.lock();
    if (self == nullptr || self->state_ == State::closed) return;
    on_reply(Failure{error, Delivery::not_sent});
  });
}

// Sets the timer for what comes first.
void BrokerConnection::watch() {
  if (state_ == State::idle || state_ == State::closed) return;
  if (state_ == State::up && requests_.empty()) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(state_ == State::up ? requests_.front()->expires : state_until_);
  timer_.async_wait([weak = weak_from_this()](const error_code& error) {
    const auto self = weak.lock();
    if (self != nullptr && !error) self->on_timer();
  });
}

void BrokerConnection::on_timer() {
  const auto now = asio::steady_timer::clock_type::now();
  switch (state_) {
    case State::waiting:
      if (state_until_ > now) return watch();
      // Nothing to send: the next request makes the next try.
      if (requests_.empty()) {
        state_ = State::idle;
        return;
      }
      return connect();
    case State::connecting:
    case State::greeting:
      if (state_until_ > now) return watch();
      return fail(asio::error::timed_out);
    case State::up:
      if (requests_.empty()) return;
      if (requests_.front()->expires > now) return watch();
      return fail(Errc::request_timed_out);
    case State::idle:
    case State::closed: return;
  }
}

}  // namespace strandline::client
