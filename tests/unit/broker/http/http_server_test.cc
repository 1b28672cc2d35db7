#include "broker/http/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <future>
#include <string>
#include <thread>

#include "broker/http/http_sessions.h"
#include "tests/unit/broker/http/fake_backend.h"

namespace strandline {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

// A blocking TCP client that gives up after 15 s.
class Client {
 public:
  explicit Client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    const timeval limit{.tv_sec = 15, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // False once the other side is gone.
  bool send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // The next response, header and body; what there is when the connection ends before.
  std::string receive(bool head = false) {
    std::string all;
    while (true) {
      const std::size_t header_end = all.find("\r\n\r\n");
      if (header_end != std::string::npos) {
        const std::size_t at = all.find("Content-Length: ");
        const std::size_t length =
            at == std::string::npos || head ? 0 : std::stoul(all.substr(at + 16));
        if (all.size() >= header_end + 4 + length) return all;
      }
      if (!receive_some(all)) return all;
    }
  }

  // Whether the other side closes, with or without a reset, within the limit.
  bool sees_end() {
    std::string rest;
    while (receive_some(rest)) {
    }
    return !timed_out_;
  }

  // Whether the other side has closed by now.
  bool is_closed() const {
    char byte;
    return ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
  }

  std::string ask(std::string_view method, std::string_view target) {
    send(std::string{method} + " " + std::string{target} + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return receive(method == "HEAD");
  }

 private:
  bool receive_some(std::string& to) {
    char bytes[4096];
    const ssize_t got = ::recv(fd_, bytes, sizeof(bytes), 0);
    if (got > 0) to.append(bytes, static_cast<std::size_t>(got));
    timed_out_ = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    return got > 0;
  }

  int fd_;
  bool timed_out_ = false;
};

// A server on its own thread, with time limits short enough to test.
class ServerHarness {
 public:
  template <class F>
  auto on_thread(F work) {
    std::packaged_task<decltype(work())()> task{std::move(work)};
    auto result = task.get_future();
    asio::post(io_, std::move(task));
    return result.get();
  }

  explicit ServerHarness(const HttpLimits& limits = calm_limits()) {
    auto opened = HttpServer::open(
        io_, {.host = "127.0.0.1", .port = 0, .limits = limits, .router = {.http_address = "here"}},
        source, &metrics);
    REQUIRE(opened.has_value());
    server_ = std::move(opened).value();
    port_ = server_->port();
    thread_ = std::thread{[this] { io_.run(); }};
  }
  ~ServerHarness() {
    on_thread([this] {
      server_->stop();
      work_.reset();
    });
    thread_.join();  // all sessions have ended: nothing keeps the context alive
  }
  ServerHarness(const ServerHarness&) = delete;
  ServerHarness& operator=(const ServerHarness&) = delete;

  // Generous ones, so that a busy machine decides no test; each test shortens what it is about.
  static HttpLimits calm_limits() {
    HttpLimits limits;
    limits.connections_max = 8;
    limits.idle_timeout = std::chrono::seconds{20};
    limits.request_timeout = std::chrono::seconds{20};
    return limits;
  }
  static HttpLimits with(std::chrono::milliseconds HttpLimits::* which, int ms) {
    HttpLimits limits = calm_limits();
    limits.*which = std::chrono::milliseconds{ms};
    return limits;
  }

  std::size_t connections() {
    return on_thread([this] { return server_->connections(); });
  }
  bool connections_become(std::size_t wanted) {
    const auto limit = Clock::now() + std::chrono::seconds{15};
    while (connections() != wanted && Clock::now() < limit) std::this_thread::yield();
    return connections() == wanted;
  }

  std::uint16_t port() const { return port_; }
  asio::io_context& io() { return io_; }

  FakeSource source;
  ShardMetrics metrics;

 private:
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  std::unique_ptr<HttpServer> server_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

TEST_CASE("HttpServer: answers many requests on one connection, HEAD without a body", "[http]") {
  ServerHarness t;
  Client client{t.port()};
  CHECK(client.ask("GET", "/metrics").find("# TYPE x gauge") != std::string::npos);
  const std::string head = client.ask("HEAD", "/metrics");
  CHECK(head.starts_with("HTTP/1.1 200"));
  CHECK(head.ends_with("\r\n\r\n"));
  CHECK(head.find("Content-Length: 0") == std::string::npos);
  CHECK(client.ask("GET", "/ready").find(R"("ready":true)") != std::string::npos);
  CHECK(client.ask("GET", "/none").starts_with("HTTP/1.1 404"));
  CHECK(client.ask("DELETE", "/metrics").find("Allow: GET, HEAD") != std::string::npos);
  CHECK(t.connections() == 1);
  CHECK(t.on_thread([&] { return t.metrics.http_responses[0].value(); }) == 3);
}

TEST_CASE("HttpServer: pipelined requests are answered in order", "[http]") {
  ServerHarness t;
  Client client{t.port()};
  client.send(
      "GET /ready HTTP/1.1\r\nHost: a\r\n\r\n"
      "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  std::string all = client.receive();
  while (all.find("# TYPE") == std::string::npos) {
    const std::string more = client.receive();
    REQUIRE_FALSE(more.empty());
    all += more;
  }
  CHECK(all.find("\"ready\"") < all.find("# TYPE"));
  CHECK(client.sees_end());
}

TEST_CASE("HttpServer: a body arrives whole, also after 100-continue", "[http]") {
  ServerHarness t;
  Client client{t.port()};
  client.send(
      "POST /v1/log-level HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Content-Length: 18\r\nExpect: 100-continue\r\n\r\n");
  CHECK(client.receive().starts_with("HTTP/1.1 100"));
  client.send(R"({"level": "debug"})");
  CHECK(client.receive().starts_with("HTTP/1.1 200"));
  CHECK(t.on_thread([&] { return t.source.backend->level; }) == LogLevel::debug);
}

TEST_CASE("HttpServer: an oversized header is refused with 431", "[http]") {
  ServerHarness t;
  Client client{t.port()};
  client.send("GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(200'000, 'x') + "\r\n\r\n");
  const std::string refusal = client.receive();
  CHECK(refusal.starts_with("HTTP/1.1 431"));
  CHECK(refusal.find("keep it under 16384 bytes") != std::string::npos);
  CHECK(client.sees_end());
}

TEST_CASE("HttpServer: an oversized body is refused with 413, announced or chunked", "[http]") {
  ServerHarness t;
  Client announced{t.port()};
  announced.send(
      "POST /v1/log-level HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048577\r\n\r\n");
  CHECK(announced.receive().starts_with("HTTP/1.1 413"));

  Client chunked{t.port()};
  chunked.send(
      "POST /v1/log-level HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "40000\r\n" + std::string(0x40000, 'x') + "\r\n";
  for (int i = 0; i < 5; ++i) chunked.send(chunk);
  CHECK(chunked.receive().starts_with("HTTP/1.1 413"));
}

TEST_CASE("HttpServer: bytes that are no HTTP are refused with 400", "[http]") {
  ServerHarness t;
  for (const std::string_view bytes :
       {"\x16\x03\x01\x02 hello\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET\r\n\r\n",
        "GET / HTTP/1.1\r\nbad header\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"}) {
    Client client{t.port()};
    client.send(bytes);
    CHECK(client.receive().starts_with("HTTP/1.1 400"));
  }
  Client two_hosts{t.port()};
  two_hosts.send("GET /v1/topics HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n");
  CHECK(two_hosts.receive().starts_with("HTTP/1.1 400"));
}

TEST_CASE("HttpServer: a request that trickles in is cut off at its deadline", "[http]") {
  ServerHarness t{ServerHarness::with(&HttpLimits::request_timeout, 300)};
  Client slow{t.port()};
  const auto start = Clock::now();
  bool open = slow.send("GET / HTTP/1.1\r\nX: ");
  while (open && Clock::now() - start < std::chrono::seconds{15}) {
    std::this_thread::sleep_for(std::chrono::milliseconds{20});  // the attack itself
    open = slow.send("x");
  }
  CHECK_FALSE(open);
  CHECK(t.connections_become(0));
}

TEST_CASE("HttpServer: an idle connection is closed, a busy one is not", "[http]") {
  ServerHarness t{ServerHarness::with(&HttpLimits::idle_timeout, 800)};
  Client idle{t.port()};
  Client busy{t.port()};
  const auto limit = Clock::now() + std::chrono::seconds{10};
  while (!idle.is_closed() && Clock::now() < limit) {
    REQUIRE(busy.ask("GET", "/ready").starts_with("HTTP/1.1 200"));
    std::this_thread::sleep_for(std::chrono::milliseconds{10});  // between two scrapes
  }
  CHECK(idle.is_closed());
  CHECK(busy.ask("GET", "/ready").starts_with("HTTP/1.1 200"));
}

TEST_CASE("HttpServer: one connection too many is told 503 and the others go on", "[http]") {
  HttpLimits limits = ServerHarness::calm_limits();
  limits.connections_max = 2;
  ServerHarness t{limits};
  Client first{t.port()};
  auto second = std::make_unique<Client>(t.port());
  REQUIRE(first.ask("GET", "/ready").starts_with("HTTP/1.1 200"));
  REQUIRE(second->ask("GET", "/ready").starts_with("HTTP/1.1 200"));
  Client third{t.port()};
  CHECK(third.receive().starts_with("HTTP/1.1 503"));
  CHECK(third.sees_end());
  CHECK(first.ask("GET", "/ready").starts_with("HTTP/1.1 200"));

  second.reset();
  REQUIRE(t.connections_become(1));
  Client fourth{t.port()};
  CHECK(fourth.ask("GET", "/ready").starts_with("HTTP/1.1 200"));
}

TEST_CASE("HttpServer: a shard that does not answer shows as 503, and its late answer harms nobody",
          "[http]") {
  ServerHarness t{ServerHarness::with(&HttpLimits::gather_timeout, 200)};
  t.on_thread([&] { t.source.hung = true; });
  Client client{t.port()};
  CHECK(client.ask("GET", "/health").starts_with("HTTP/1.1 503"));
  t.on_thread([&] {
    t.source.hung = false;
    for (const auto& done : t.source.held) done(t.source.backend);
  });
  CHECK(client.ask("GET", "/health").starts_with("HTTP/1.1 200"));
}

TEST_CASE("HttpServer: stopping ends sessions that wait, for a request or for the broker",
          "[http]") {
  std::optional<Client> idle;
  std::optional<Client> waiting;
  {
    HttpLimits limits;  // the long ones: it must not be a deadline that ends them
    limits.gather_timeout = std::chrono::milliseconds{300};
    ServerHarness t{limits};
    t.on_thread([&] { t.source.hung = true; });
    idle.emplace(t.port());
    waiting.emplace(t.port());
    waiting->send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
    REQUIRE(t.connections_become(2));
  }
  CHECK(idle->sees_end());
  CHECK(waiting->sees_end());
}

TEST_CASE("HttpServer: an address in use is an error with its cause", "[http]") {
  ServerHarness t;
  asio::io_context other;
  const auto again =
      HttpServer::open(other, {.host = "127.0.0.1", .port = t.port()}, t.source, nullptr);
  REQUIRE(again.has_error());
  CHECK(again.error() == boost::system::errc::address_in_use);
}

// Connections of the kafka port that turned out to speak HTTP, after 8 bytes were read.
struct KafkaPortHarness {
  ServerHarness server;
  asio::ip::tcp::acceptor acceptor{server.io(), {asio::ip::address_v4::loopback(), 0}};
  std::unique_ptr<HttpSessions> sessions;

  explicit KafkaPortHarness(const HttpLimits& limits) {
    server.on_thread([&] {
      sessions = std::make_unique<HttpSessions>(
          server.io(), HttpSurface::kafka_port,
          RouterConfig{.allowed_names = {}, .http_address = "127.0.0.1:9644"}, limits,
          server.source, nullptr);
    });
  }
  ~KafkaPortHarness() {
    server.on_thread([&] { sessions.reset(); });
  }

  std::unique_ptr<Client> connect() {
    auto client = std::make_unique<Client>(acceptor.local_endpoint().port());
    client->send("GET /met");
    asio::ip::tcp::socket socket = acceptor.accept();
    std::string read(8, '\0');
    asio::read(socket, asio::buffer(read));
    server.on_thread([&] { sessions->serve(std::move(socket), std::move(read)); });
    return client;
  }
};

constexpr std::string_view kRest = "rics HTTP/1.1\r\nHost: localhost\r\n\r\n";

TEST_CASE("kafka port: a connection with bytes read already is served and kept alive", "[http]") {
  KafkaPortHarness t{ServerHarness::with(&HttpLimits::idle_timeout, 800)};
  const auto client = t.connect();
  client->send(kRest);
  CHECK(client->receive().find("# TYPE x gauge") != std::string::npos);
  CHECK(client->ask("GET", "/v1/topics").starts_with("HTTP/1.1 404"));
  CHECK(client->ask("GET", "/ready").starts_with("HTTP/1.1 200"));
  CHECK(client->sees_end());  // idle
}

TEST_CASE("kafka port: HTTP has a limit of its own", "[http]") {
  HttpLimits limits = ServerHarness::calm_limits();
  limits.connections_max = 1;
  KafkaPortHarness t{limits};
  const auto first = t.connect();
  const auto second = t.connect();
  CHECK(second->receive().starts_with("HTTP/1.1 503"));
  first->send(kRest);
  CHECK(first->receive().starts_with("HTTP/1.1 200"));
}

}  // namespace
}  // namespace strandline
