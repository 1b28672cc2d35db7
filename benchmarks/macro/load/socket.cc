#include "socket.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace load {

constexpr std::size_t kReceiveBytes = 256 * 1024;

void fail(const std::string& what) {
  std::fprintf(stderr, "load: %s%s%s\n", what.c_str(), errno != 0 ? ": " : "",
               errno != 0 ? std::strerror(errno) : "");
  std::exit(1);
}

Socket::Socket(const std::string& host, const std::string& port, int patience_ms)
    : receive_(kReceiveBytes) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) fail("no such host: " + host);
  for (int tried_ms = 0;; ++tried_ms) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0) fail("socket");
    if (::connect(fd_, found->ai_addr, found->ai_addrlen) == 0) break;
    ::close(fd_);
    if (tried_ms >= patience_ms) fail("cannot connect to " + host + ":" + port);
    ::usleep(1000);
  }
  freeaddrinfo(found);
  errno = 0;
  int one = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

Socket::~Socket() {
  if (fd_ >= 0) ::close(fd_);
}

void Socket::send_all(const std::uint8_t* data, std::size_t size) {
  while (size > 0) {
    const ssize_t sent = ::send(fd_, data, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) fail("send");
    data += sent;
    size -= static_cast<std::size_t>(sent);
  }
}

std::size_t Socket::send_some(const std::uint8_t* data, std::size_t size) {
  const ssize_t sent = ::send(fd_, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent >= 0) return static_cast<std::size_t>(sent);
  if (errno == EAGAIN || errno == EINTR) return 0;
  fail("send");
}

void Socket::receive(std::uint8_t* data, std::size_t size) {
  while (size > 0) {
    const ssize_t got = ::recv(fd_, data, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) errno = 0;
    if (got <= 0) fail("the broker closed the connection");
    data += got;
    size -= static_cast<std::size_t>(got);
  }
}

void Socket::discard(std::size_t size) {
  while (size > 0) {
    const std::size_t part = std::min(size, receive_.size());
    receive(receive_.data(), part);
    size -= part;
  }
}

}  // namespace load
