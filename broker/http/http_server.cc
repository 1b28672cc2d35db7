#include "broker/http/http_server.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <utility>

#include "broker/http/http_sessions.h"
#include "broker/logging/log.h"

namespace strandline {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr int kBacklog = 128;
// How long accepting rests after an error such as "too many open files".
constexpr std::chrono::milliseconds kAcceptPause{100};

Result<tcp::endpoint> resolve(asio::io_context& context, const std::string& host,
                              std::uint16_t port) {
  if (host.empty()) return tcp::endpoint{tcp::v4(), port};
  boost::system::error_code error;
  const auto address = asio::ip::make_address(host, error);
  if (!error) return tcp::endpoint{address, port};
  tcp::resolver resolver{context};
  const auto found = resolver.resolve(host, std::to_string(port), error);
  if (error) return error;
  return found.begin()->endpoint();
}

ErrorCode listen_at(tcp::acceptor& acceptor, const tcp::endpoint& endpoint) {
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address{true}, error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(kBacklog, error);
  return error;
}

}  // namespace

// Shared with the accepting coroutine, which may end after the server is gone.
struct HttpServer::State {
  State(asio::io_context& context, Config config, AdminSource& source, ShardMetrics* metrics)
      : acceptor(context),
        pause(context),
        sessions(context, HttpSurface::admin, std::move(config.router), config.limits, source,
                 metrics) {}

  static asio::awaitable<void> accept_all(std::shared_ptr<State> self) {
    while (self->acceptor.is_open()) {
      auto [error, socket] = co_await self->acceptor.async_accept(kAwait);
      if (!error) {
        self->sessions.serve(std::move(socket), {});
        continue;
      }
      if (!self->acceptor.is_open()) co_return;
      log_limited(LogLevel::warn, "http", "accept", "cannot accept a connection",
                  {{"error", error.message()}});
      self->pause.expires_after(kAcceptPause);
      co_await self->pause.async_wait(kAwait);
    }
  }

  void stop() {
    boost::system::error_code ignored;
    acceptor.close(ignored);
    pause.cancel();
    sessions.stop();
  }

  tcp::acceptor acceptor;
  asio::steady_timer pause;
  HttpSessions sessions;
};

Result<std::unique_ptr<HttpServer>> HttpServer::open(asio::io_context& context, Config config,
                                                     AdminSource& source, ShardMetrics* metrics) {
  STRANDLINE_TRY(const tcp::endpoint endpoint, resolve(context, config.host, config.port));
  auto state = std::make_shared<State>(context, std::move(config), source, metrics);
  if (const ErrorCode error = listen_at(state->acceptor, endpoint)) return error;
  asio::co_spawn(context, State::accept_all(state), asio::detached);
  return std::unique_ptr<HttpServer>{new HttpServer{std::move(state)}};
}

HttpServer::HttpServer(std::shared_ptr<State> state) : state_(std::move(state)) {}

HttpServer::~HttpServer() { stop(); }

std::uint16_t HttpServer::port() const {
  boost::system::error_code ignored;
  return state_->acceptor.local_endpoint(ignored).port();
}

std::size_t HttpServer::connections() const { return state_->sessions.size(); }

void HttpServer::stop() { state_->stop(); }

}  // namespace strandline
