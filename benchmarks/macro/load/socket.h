// A blocking TCP connection to a broker: framed requests out, answers in, payload thrown away.
//
// Thread   one
// Owns     the socket
// Errors   any failure ends the program with a message: a load generator that limps measures
// nothing
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace load {

[[noreturn]] void fail(const std::string& what);

class Socket {
 public:
  // Tries for `patience_ms`, every millisecond: also used to wait for a broker that is starting.
  Socket(const std::string& host, const std::string& port, int patience_ms);
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  Socket(Socket&& other) noexcept : fd_(other.fd_), receive_(std::move(other.receive_)) {
    other.fd_ = -1;
  }
  Socket& operator=(Socket&&) = delete;

  int fd() const { return fd_; }

  // Sends all of it; waits while the broker does not read.
  void send_all(const std::uint8_t* data, std::size_t size);

  // Sends what fits now; returns the number of bytes taken.
  std::size_t send_some(const std::uint8_t* data, std::size_t size);

  // Receives exactly `size` bytes.
  void receive(std::uint8_t* data, std::size_t size);

  // Receives exactly `size` bytes into a 256 KiB buffer that nobody reads, as the bare loops do.
  void discard(std::size_t size);

 private:
  int fd_ = -1;
  std::vector<std::uint8_t> receive_;
};

}  // namespace load
