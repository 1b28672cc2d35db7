#include "broker/net/listener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "broker/logging/log.h"
#include "protocol/base/assertion.h"

namespace strandline {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr int kBacklog = 4096;
constexpr Duration kRetryAfterError = std::chrono::milliseconds{100};

int open_spare() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

}  // namespace

Listener::Listener(ShardLoop& loop) : loop_(loop), acceptor_(loop.io()), spare_fd_(open_spare()) {}

Listener::~Listener() {
  if (spare_fd_ >= 0) ::close(spare_fd_);
}

Result<std::unique_ptr<Listener>> Listener::open(ShardLoop& loop, const std::string& host,
                                                 std::uint16_t port) {
  error_code error;
  asio::ip::tcp::resolver resolver{loop.io()};
  const auto found =
      resolver.resolve(host, std::to_string(port), asio::ip::resolver_base::passive, error);
  if (error) return error;
  STRANDLINE_ASSERT(!found.empty());
  const asio::ip::tcp::endpoint endpoint = found.begin()->endpoint();

  std::unique_ptr<Listener> listener{new Listener{loop}};
  asio::ip::tcp::acceptor& acceptor = listener->acceptor_;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(kBacklog, error);
  if (!error) acceptor.non_blocking(true, error);
  if (!error) listener->local_ = acceptor.local_endpoint(error);
  if (error) return error;
  return listener;
}

void Listener::start(ShardMetrics& metrics, Admit admit, OnAccepted on_accepted) {
  start([&metrics](RefuseReason reason) { metrics.count_refused(reason); }, std::move(admit),
        std::move(on_accepted));
}

void Listener::start(OnRefused on_refused, Admit admit, OnAccepted on_accepted) {
  on_refused_ = std::move(on_refused);
  admit_ = std::move(admit);
  on_accepted_ = std::move(on_accepted);
  accept_next();
}

void Listener::close() {
  loop_.cancel(retry_);
  error_code ignored;
  acceptor_.close(ignored);
}

void Listener::accept_next() {
  acceptor_.async_wait(asio::ip::tcp::acceptor::wait_read, [this](const error_code& error) {
    if (error || !acceptor_.is_open()) return;
    for (;;) {
      const int fd =
          ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        RefuseReason reason{};
        if (admit_(reason)) {
          on_accepted_(fd);
        } else {
          on_refused_(reason);
          ::close(fd);
        }
        continue;
      }
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      if ((errno == EMFILE || errno == ENFILE) && turn_one_away()) break;
      const error_code failed{errno, boost::system::system_category()};
      log_limited(LogLevel::error, "net", "accept", "accept failed", {{"error", failed.message()}});
      // At once it would fail again, and keep the shard busy with it.
      retry_ = loop_.after(kRetryAfterError, [this] { accept_next(); });
      return;
    }
    accept_next();
  });
}

bool Listener::turn_one_away() {
  log_limited(LogLevel::error, "net", "descriptors",
              "no descriptor left, turning connections away; raise the limit (ulimit -n) or lower "
              "files.open.max");
  if (spare_fd_ >= 0) ::close(spare_fd_);
  const int fd = ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC);
  const int why = errno;
  if (fd >= 0) {
    ::close(fd);
    on_refused_(RefuseReason::descriptors);
  }
  spare_fd_ = open_spare();
  errno = why;
  return fd >= 0 || why == EAGAIN;
}

}  // namespace strandline
