#include "broker/http/http_server.h"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <map>
#include <utility>

namespace strandline {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr int kBacklog = 128;
// How long accepting rests after an error such as "too many open files".
constexpr std::chrono::milliseconds kAcceptPause{100};

// Written as it is, without a session: what a connection over the limit is told.
constexpr std::string_view kFull =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 89\r\n"
    "Connection: close\r\n\r\n"
    R"({"error":"too many HTTP connections","hint":"close some, or keep one alive and reuse it"})";
static_assert(kFull.size() - kFull.find("\r\n\r\n") - 4 == 89);

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

// Shared with the coroutines: a session that ends after the server is gone still finds it.
struct HttpServer::State : std::enable_shared_from_this<State> {
  State(asio::io_context& io, Config settings, AdminSource& admin, ShardMetrics* shard_metrics)
      : context(io),
        config(std::move(settings)),
        source(admin),
        metrics(shard_metrics),
        acceptor(io),
        pause(io) {}

  asio::awaitable<void> accept_all() {
    while (!stopped) {
      auto [error, socket] = co_await acceptor.async_accept(kAwait);
      if (stopped) co_return;
      if (error) {
        log_limited(LogLevel::warn, "http", "accept", "cannot accept a connection",
                    {{"error", error.message()}});
        pause.expires_after(kAcceptPause);
        co_await pause.async_wait(kAwait);
        continue;
      }
      if (closers.size() >= config.limits.connections_max) {
        refuse(std::move(socket));
      } else {
        start_session(std::move(socket));
      }
    }
  }

  void refuse(tcp::socket socket) {
    log_limited(LogLevel::warn, "http", "full", "too many HTTP connections, refusing one",
                {{"open", closers.size()}});
    boost::system::error_code ignored;
    socket.non_blocking(true, ignored);
    // A fresh socket's buffer holds this much; if not, the peer learns less.
    socket.write_some(asio::buffer(kFull), ignored);
    socket.shutdown(tcp::socket::shutdown_send, ignored);
    if (metrics != nullptr) metrics->count_http(503);
  }

  void start_session(tcp::socket socket) {
    const std::uint64_t id = ++sessions_begun;
    closers[id] = {};
    asio::co_spawn(context, session(shared_from_this(), id, std::move(socket)), asio::detached);
  }

  static asio::awaitable<void> session(std::shared_ptr<State> self, std::uint64_t id,
                                       tcp::socket socket) {
    const HttpSessionContext what{.router = self->config.router,
                                  .limits = self->config.limits,
                                  .source = self->source,
                                  .metrics = self->metrics};
    std::function<void(std::function<void()>)> closer =
        [&state = *self, id](std::function<void()> close) { state.closers[id] = std::move(close); };
    if (!self->stopped) {
      co_await serve_http_session(std::move(socket), {}, what, std::move(closer));
    }
    self->closers.erase(id);
  }

  void stop() {
    if (std::exchange(stopped, true)) return;
    boost::system::error_code ignored;
    acceptor.close(ignored);
    pause.cancel();
    for (const auto& [id, close] : closers) {
      if (close) close();
    }
  }

  asio::io_context& context;
  Config config;
  AdminSource& source;
  ShardMetrics* metrics;
  tcp::acceptor acceptor;
  asio::steady_timer pause;
  std::map<std::uint64_t, std::function<void()>> closers;  // one a session; ends it
  std::uint64_t sessions_begun = 0;
  bool stopped = false;
};

Result<std::unique_ptr<HttpServer>> HttpServer::open(asio::io_context& context, Config config,
                                                     AdminSource& source, ShardMetrics* metrics) {
  STRANDLINE_TRY(const tcp::endpoint endpoint, resolve(context, config.host, config.port));
  auto state = std::make_shared<State>(context, std::move(config), source, metrics);
  if (const ErrorCode error = listen_at(state->acceptor, endpoint)) return error;
  asio::co_spawn(
      context, [](std::shared_ptr<State> self) { return self->accept_all(); }(state),
      [state](std::exception_ptr) {});
  return std::unique_ptr<HttpServer>{new HttpServer{std::move(state)}};
}

HttpServer::HttpServer(std::shared_ptr<State> state) : state_(std::move(state)) {}

HttpServer::~HttpServer() { stop(); }

std::uint16_t HttpServer::port() const {
  boost::system::error_code ignored;
  return state_->acceptor.local_endpoint(ignored).port();
}

std::size_t HttpServer::connections() const { return state_->closers.size(); }

void HttpServer::stop() { state_->stop(); }

}  // namespace strandline
