// Two ends of a TCP connection over loopback: one for the code under test, one for the test, which
// waits at most a generous while for what it is owed.
//
// Thread   one
// Owns     its descriptors
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace strandline {

class TestSocket {
 public:
  explicit TestSocket(int fd) : fd_(fd) {
    REQUIRE(fd_ >= 0);
    const timeval limit{.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  }
  TestSocket(TestSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  TestSocket(const TestSocket&) = delete;
  TestSocket& operator=(const TestSocket&) = delete;
  ~TestSocket() {
    if (fd_ >= 0) ::close(fd_);
  }

  static TestSocket connect(std::uint16_t port) {
    TestSocket socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const sockaddr_in address = loopback(port);
    REQUIRE(::connect(socket.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) ==
            0);
    return socket;
  }

  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }

  int fd() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

  // False once the other side is gone, or takes nothing for the whole limit.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // Fewer bytes only when the stream ends before.
  std::string receive(std::size_t count) {
    std::string bytes(count, '\0');
    std::size_t got = 0;
    while (got < count) {
      const ssize_t now = ::recv(fd_, bytes.data() + got, count - got, 0);
      if (now <= 0) break;
      got += static_cast<std::size_t>(now);
    }
    bytes.resize(got);
    return bytes;
  }

  // Whether the other side has ended the connection by now or does so within the limit; what it
  // sent before is dropped.
  bool sees_end() {
    char bytes[4096];
    ssize_t got = 0;
    while ((got = ::recv(fd_, bytes, sizeof(bytes), 0)) > 0) {
    }
    return got == 0 || errno == ECONNRESET;
  }

  void close_sending() { ::shutdown(fd_, SHUT_WR); }

 private:
  int fd_;
};

struct Loopback {
  TestSocket ours;
  TestSocket theirs;

  // receive_bytes   of the test's end, set before connecting; 0: the system's default
  static Loopback make(int receive_bytes = 0) {
    const TestSocket listening{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in address = TestSocket::loopback(0);
    REQUIRE(::bind(listening.fd(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(::listen(listening.fd(), 1) == 0);
    socklen_t size = sizeof(address);
    REQUIRE(::getsockname(listening.fd(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    TestSocket theirs{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (receive_bytes > 0) {
      ::setsockopt(theirs.fd(), SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
    }
    REQUIRE(::connect(theirs.fd(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    TestSocket ours{::accept4(listening.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    return {std::move(ours), std::move(theirs)};
  }
};

}  // namespace strandline
