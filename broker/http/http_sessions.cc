#include "broker/http/http_sessions.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <string_view>
#include <utility>

#include "broker/logging/log.h"

namespace strandline {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

// Written as it is, without a session: what a connection over the limit is told.
constexpr std::string_view kFull =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 89\r\n"
    "Connection: close\r\n\r\n"
    R"({"error":"too many HTTP connections","hint":"close some, or keep one alive and reuse it"})";
static_assert(kFull.size() - kFull.find("\r\n\r\n") - 4 == 89);

}  // namespace

// Shared with the coroutines: a session that ends after its owner is gone still finds it.
struct HttpSessions::State {
  State(asio::io_context& io, HttpSurface where, RouterConfig routes, HttpLimits bounds,
        AdminSource& admin, ShardMetrics* shard_metrics)
      : context(io),
        surface(where),
        router(std::move(routes)),
        limits(bounds),
        source(admin),
        metrics(shard_metrics) {}

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

  static asio::awaitable<void> session(std::shared_ptr<State> self, std::uint64_t id,
                                       tcp::socket socket, std::string first_bytes) {
    const HttpSessionContext what{.router = self->router,
                                  .limits = self->limits,
                                  .source = self->source,
                                  .metrics = self->metrics,
                                  .surface = self->surface};
    std::function<void(std::function<void()>)> closer =
        [&state = *self, id](std::function<void()> close) { state.closers[id] = std::move(close); };
    if (!self->stopped) {
      co_await serve_http_session(std::move(socket), std::move(first_bytes), what,
                                  std::move(closer));
    }
    self->closers.erase(id);
  }

  asio::io_context& context;
  HttpSurface surface;
  RouterConfig router;
  HttpLimits limits;
  AdminSource& source;
  ShardMetrics* metrics;
  std::map<std::uint64_t, std::function<void()>> closers;  // one a session; ends it
  std::uint64_t sessions_begun = 0;
  bool stopped = false;
};

HttpSessions::HttpSessions(asio::io_context& context, HttpSurface surface, RouterConfig router,
                           HttpLimits limits, AdminSource& source, ShardMetrics* metrics)
    : state_(
          std::make_shared<State>(context, surface, std::move(router), limits, source, metrics)) {}

HttpSessions::~HttpSessions() { stop(); }

void HttpSessions::serve(tcp::socket socket, std::string first_bytes) {
  if (state_->stopped) return;
  if (state_->closers.size() >= state_->limits.connections_max) {
    state_->refuse(std::move(socket));
    return;
  }
  const std::uint64_t id = ++state_->sessions_begun;
  state_->closers[id] = {};
  asio::co_spawn(state_->context,
                 State::session(state_, id, std::move(socket), std::move(first_bytes)),
                 asio::detached);
}

void HttpSessions::stop() {
  if (std::exchange(state_->stopped, true)) return;
  for (const auto& [id, close] : state_->closers) {
    if (close) close();
  }
}

std::size_t HttpSessions::size() const { return state_->closers.size(); }

}  // namespace strandline
