// The bare loops our broker is held against: what this machine does with no broker in between.
//
//   bare sink --dir D --bytes N [--sync-every N]   a blocking loop from one connection to a file,
//                                                  with fdatasync every so many bytes
//   bare sendfile --dir D --bytes N [--fetch-bytes N]
//                                                  answers each 16-byte request with one sendfile
//
// The peer is a second process on loopback, also a blocking loop; buffers have 256 KiB on both
// sides. Prints one JSON object; CPU seconds are those of the serving process, as for a broker.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace {

constexpr std::size_t kBufferBytes = 256 * 1024;
constexpr std::size_t kRequestBytes = 16;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "bare: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int listen_on_loopback(sockaddr_in& address) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0) fail("bind");
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) fail("getsockname");
  if (::listen(fd, 1) != 0) fail("listen");
  return fd;
}

int connect_to(const sockaddr_in& address) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    fail("connect");
  int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

void write_all(int fd, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t done = ::write(fd, data, size);
    if (done <= 0) fail("write");
    data += done;
    size -= static_cast<std::size_t>(done);
  }
}

// Reads exactly `size` bytes into a buffer; false at the end of the stream.
bool read_all(int fd, std::vector<char>& buffer, std::size_t size) {
  while (size > 0) {
    const ssize_t got = ::read(fd, buffer.data(), std::min(size, buffer.size()));
    if (got < 0) fail("read");
    if (got == 0) return false;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

void send_stream(const sockaddr_in& address, long long bytes) {
  const int fd = connect_to(address);
  const std::vector<char> buffer(kBufferBytes, 's');
  for (long long left = bytes; left > 0;) {
    const auto part = static_cast<std::size_t>(std::min<long long>(left, kBufferBytes));
    write_all(fd, buffer.data(), part);
    left -= static_cast<long long>(part);
  }
  ::shutdown(fd, SHUT_WR);
  char last;
  if (::read(fd, &last, 1) < 0) fail("read");  // the sink closes once all is written
}

void sink(int connection, int file, long long sync_every) {
  std::vector<char> buffer(kBufferBytes);
  long long unsynced = 0;
  for (;;) {
    const ssize_t got = ::read(connection, buffer.data(), buffer.size());
    if (got < 0) fail("read");
    if (got == 0) break;
    write_all(file, buffer.data(), static_cast<std::size_t>(got));
    unsynced += got;
    if (sync_every > 0 && unsynced >= sync_every) {
      if (::fdatasync(file) != 0) fail("fdatasync");
      unsynced = 0;
    }
  }
  if (sync_every > 0 && unsynced > 0 && ::fdatasync(file) != 0) fail("fdatasync");
}

void fetch_stream(const sockaddr_in& address, long long bytes, std::size_t fetch_bytes) {
  const int fd = connect_to(address);
  const char request[kRequestBytes] = {};
  std::vector<char> buffer(kBufferBytes);
  for (long long left = bytes; left > 0; left -= static_cast<long long>(fetch_bytes)) {
    write_all(fd, request, sizeof request);
    if (!read_all(fd, buffer, fetch_bytes)) fail("closed");
  }
}

void serve_file(int connection, int file, std::size_t fetch_bytes) {
  std::vector<char> request(kRequestBytes);
  off_t position = 0;
  while (read_all(connection, request, kRequestBytes)) {
    for (std::size_t left = fetch_bytes; left > 0;) {
      const ssize_t sent = ::sendfile(connection, file, &position, left);
      if (sent <= 0) fail("sendfile");
      left -= static_cast<std::size_t>(sent);
    }
  }
}

void fill(int file, long long bytes) {
  const std::vector<char> buffer(1 << 20, 's');
  for (long long done = 0; done < bytes; done += static_cast<long long>(buffer.size())) {
    write_all(file, buffer.data(), buffer.size());
  }
}

double cpu_seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

int main(int count, char** words) {
  if (count < 2) {
    std::fprintf(stderr, "bare: sink or sendfile, --dir D --bytes N\n");
    return 1;
  }
  const std::string mode = words[1];
  std::map<std::string, std::string> given{{"--dir", "."},
                                           {"--bytes", "1073741824"},
                                           {"--sync-every", "0"},
                                           {"--fetch-bytes", "1048576"}};
  for (int n = 2; n + 1 < count; n += 2) given[words[n]] = words[n + 1];
  const auto fetch_bytes = static_cast<std::size_t>(std::atoll(given["--fetch-bytes"].c_str()));
  long long bytes = std::atoll(given["--bytes"].c_str());
  bytes -= bytes % static_cast<long long>(fetch_bytes);

  std::string path = given["--dir"] + "/bare-XXXXXX";
  const int file = ::mkstemp(path.data());
  if (file < 0) fail("mkstemp");
  ::unlink(path.c_str());
  if (mode == "sendfile") fill(file, bytes + (1 << 20));

  sockaddr_in address;
  const int listener = listen_on_loopback(address);
  const pid_t peer = ::fork();
  if (peer == 0) {
    ::close(listener);
    if (mode == "sink") send_stream(address, bytes);
    if (mode == "sendfile") fetch_stream(address, bytes, fetch_bytes);
    ::_exit(0);
  }
  const int connection = ::accept(listener, nullptr, nullptr);
  rusage before;
  ::getrusage(RUSAGE_SELF, &before);
  const double began = now_seconds();
  if (mode == "sink") sink(connection, file, std::atoll(given["--sync-every"].c_str()));
  if (mode == "sendfile") serve_file(connection, file, fetch_bytes);
  const double seconds = now_seconds() - began;
  rusage after;
  ::getrusage(RUSAGE_SELF, &after);
  ::close(connection);
  int status = 0;
  ::waitpid(peer, &status, 0);
  if (status != 0) return 1;
  std::printf("{\"seconds\": %.6f, \"bytes\": %lld, \"user_s\": %.3f, \"system_s\": %.3f}\n",
              seconds, bytes, cpu_seconds(after.ru_utime) - cpu_seconds(before.ru_utime),
              cpu_seconds(after.ru_stime) - cpu_seconds(before.ru_stime));
  return 0;
}
