#include "broker/http/http_session.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <memory>
#include <optional>
#include <utility>

namespace strandline {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// How much of a refused request is read away before closing, so that the refusal is not lost to the
// reset that unread bytes would cause.
constexpr std::size_t kLingerBytesMax = std::size_t{4} * 1024 * 1024;
constexpr std::chrono::seconds kLingerTime{1};

// How much of a body is read at a time, beyond what a header may take.
constexpr std::size_t kBodyChunkBytes = std::size_t{64} * 1024;

using Parser = http::request_parser<http::string_body>;

// Waits for the source; null when it took longer than the limit.
asio::awaitable<std::shared_ptr<AdminBackend>> gather(AdminSource& source, AdminQuery query,
                                                      std::chrono::milliseconds limit) {
  struct Arrival {
    std::shared_ptr<AdminBackend> backend;
    asio::steady_timer* timer = nullptr;  // null once nobody waits
  };
  asio::steady_timer timer{co_await asio::this_coro::executor, limit};
  const auto arrival = std::make_shared<Arrival>();
  arrival->timer = &timer;
  // Also when this coroutine is destroyed while it waits: `done` may come later still.
  const auto nobody_waits = [](Arrival* left) { left->timer = nullptr; };
  const std::unique_ptr<Arrival, decltype(nobody_waits)> guard{arrival.get(), nobody_waits};
  source.gather(query, [arrival](std::shared_ptr<AdminBackend> backend) {
    arrival->backend = std::move(backend);
    if (arrival->timer != nullptr) arrival->timer->cancel();
  });
  if (arrival->backend == nullptr) {
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  co_return std::move(arrival->backend);
}

std::string header(const http::request<http::string_body>& message, http::field name) {
  const auto value = message[name];
  return {value.data(), value.size()};
}

HttpRequest to_request(const http::request<http::string_body>& message, HttpSurface surface) {
  return {.method = std::string{message.method_string()},
          .target = std::string{message.target()},
          .host = header(message, http::field::host),
          .origin = header(message, http::field::origin),
          .content_type = header(message, http::field::content_type),
          .body = message.body(),
          .surface = surface};
}

// What a request that could not be read is told; nothing where the peer only went away.
std::optional<HttpResponse> refusal_for(const beast::error_code& error, const HttpLimits& limits) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return http_error(431, "the request's header is too large",
                      "keep it under " + std::to_string(limits.header_bytes_max) + " bytes");
  }
  if (error == http::error::body_limit) {
    return http_error(413, "the request's body is too large",
                      "keep it under " + std::to_string(limits.body_bytes_max) + " bytes");
  }
  const bool no_http = error.category() == make_error_code(http::error::bad_method).category();
  if (!no_http || error == http::error::end_of_stream || error == http::error::partial_message) {
    return std::nullopt;
  }
  return http_error(400, "these bytes are no HTTP/1.1 request", "GET / lists what there is");
}

class Session {
 public:
  Session(asio::ip::tcp::socket socket, std::string first_bytes, const HttpSessionContext& context)
      : context_(context),
        stream_(std::move(socket)),
        // The parser wants a header whole in the buffer; bodies are moved out of it as they come.
        buffer_(context.limits.header_bytes_max + kBodyChunkBytes) {
    const std::size_t size = std::min(first_bytes.size(), buffer_.max_size());
    buffer_.commit(asio::buffer_copy(buffer_.prepare(size), asio::buffer(first_bytes)));
  }

  asio::awaitable<void> run() {
    while (co_await serve_one()) {
    }
    co_await linger();
  }

  void close() { stream_.close(); }

 private:
  // Serves one request; true when the connection may carry another.
  asio::awaitable<bool> serve_one() {
    Parser parser;
    parser.header_limit(static_cast<std::uint32_t>(context_.limits.header_bytes_max));
    parser.body_limit(context_.limits.body_bytes_max);
    if (!co_await wait_for_request()) co_return false;

    const beast::error_code error = co_await read_request(parser);
    if (error) {
      if (const auto refusal = refusal_for(error, context_.limits)) {
        refused_ = true;
        co_await send(*refusal, 11, false, false);
      }
      co_return false;
    }
    const http::request<http::string_body>& message = parser.get();
    const HttpResponse response = co_await answer(message);
    const bool head = message.method() == http::verb::head;
    co_return co_await send(response, message.version(), message.keep_alive(), head);
  }

  asio::awaitable<bool> wait_for_request() {
    if (buffer_.size() > 0) co_return true;  // the next one came with the last
    stream_.expires_after(context_.limits.idle_timeout);
    const auto [error, bytes] = co_await stream_.async_read_some(buffer_.prepare(4096), kAwait);
    if (error) co_return false;
    buffer_.commit(bytes);
    co_return true;
  }

  asio::awaitable<beast::error_code> read_request(Parser& parser) {
    // One deadline for the whole request: a byte now and then does not extend it.
    stream_.expires_after(context_.limits.request_timeout);
    const auto [header_error, header_bytes] =
        co_await http::async_read_header(stream_, buffer_, parser, kAwait);
    if (header_error) co_return header_error;
    if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
      http::response<http::empty_body> go_on{http::status::continue_, parser.get().version()};
      const auto [write_error, written] = co_await http::async_write(stream_, go_on, kAwait);
      if (write_error) co_return write_error;
    }
    const auto [error, bytes] = co_await http::async_read(stream_, buffer_, parser, kAwait);
    co_return error;
  }

  asio::awaitable<HttpResponse> answer(const http::request<http::string_body>& message) {
    if (message.count(http::field::host) > 1) {
      co_return http_error(400, "the request has more than one Host header", "send one");
    }
    const HttpRequest request = to_request(message, context_.surface);
    stream_.expires_never();  // the gather timeout rules now
    const auto backend = co_await gather(context_.source, query_of(request, context_.router),
                                         context_.limits.gather_timeout);
    if (backend == nullptr) {
      co_return http_error(503, "a part of the broker did not answer in time",
                           "if this lasts, the process hangs: see the log and restart it");
    }
    co_return route(request, context_.router, *backend);
  }

  asio::awaitable<bool> send(const HttpResponse& response, unsigned version, bool keep_alive,
                             bool head) {
    http::response<http::string_body> message{
        http::int_to_status(static_cast<unsigned>(response.status)), version};
    message.set(http::field::server, "strandline");
    message.set(http::field::content_type, response.content_type);
    message.set(http::field::cache_control, "no-store");
    message.set("X-Content-Type-Options", "nosniff");
    if (!response.allow.empty()) message.set(http::field::allow, response.allow);
    message.keep_alive(keep_alive);
    message.content_length(response.body.size());  // of the body a GET would get, also for HEAD
    if (!head) message.body() = response.body;
    if (context_.metrics != nullptr) context_.metrics->count_http(response.status);

    stream_.expires_after(context_.limits.write_timeout);
    http::response_serializer<http::string_body> serializer{message};
    if (head) {
      const auto [error, bytes] = co_await http::async_write_header(stream_, serializer, kAwait);
      co_return !error && keep_alive;
    }
    const auto [error, bytes] = co_await http::async_write(stream_, serializer, kAwait);
    co_return !error && keep_alive;
  }

  asio::awaitable<void> linger() {
    beast::error_code error;
    stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, error);
    std::size_t discarded = 0;
    stream_.expires_after(kLingerTime);
    buffer_.consume(buffer_.size());
    while (refused_ && !error && discarded < kLingerBytesMax) {
      const auto [read_error, bytes] =
          co_await stream_.async_read_some(buffer_.prepare(kBodyChunkBytes), kAwait);
      error = read_error;
      discarded += bytes;
    }
    stream_.close();
  }

  HttpSessionContext context_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  bool refused_ = false;
};

}  // namespace

asio::awaitable<void> serve_http_session(asio::ip::tcp::socket socket, std::string first_bytes,
                                         HttpSessionContext context,
                                         std::function<void(std::function<void()>)> closer) {
  Session session{std::move(socket), std::move(first_bytes), context};
  if (closer) closer([&session] { session.close(); });
  co_await session.run();
  if (closer) closer({});
}

}  // namespace strandline
