#include "broker/net/listener.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <memory>
#include <vector>

#include "tests/unit/broker/loop_thread.h"
#include "tests/unit/broker/net/loopback.h"

namespace strandline {
namespace {

class ListenerHarness {
 public:
  explicit ListenerHarness(std::size_t connections_max = 1000) {
    shard_.run([&] {
      auto opened = Listener::open(shard_.loop, "127.0.0.1", 0);
      if (!opened) return;
      listener_ = std::move(opened).value();
      listener_->start(
          metrics,
          [this, connections_max](RefuseReason& reason) {
            reason = RefuseReason::connections_max;
            return accepted_.size() < connections_max;
          },
          [this](int fd) { accepted_.push_back(fd); });
    });
    REQUIRE(listener_ != nullptr);
  }
  ~ListenerHarness() {
    shard_.run([this] {
      listener_->close();
      for (const int fd : accepted_) ::close(fd);
    });
    shard_.loop.stop_and_join();
  }

  std::uint16_t port() const { return listener_->local_endpoint().port(); }
  bool reaches_accepted(std::size_t count) {
    return shard_.reaches([this, count] { return accepted_.size() == count; });
  }
  bool reaches_refused(RefuseReason reason, std::uint64_t count) {
    return shard_.reaches([this, reason, count] {
      return metrics.connections_refused[static_cast<std::size_t>(reason)].value() >= count;
    });
  }
  LoopThread& shard() { return shard_; }

  ShardMetrics metrics;

 private:
  std::vector<int> accepted_;
  std::unique_ptr<Listener> listener_;
  LoopThread shard_;
};

// No descriptor above those that are open now, while it lives.
class NoDescriptorsLeft {
 public:
  NoDescriptorsLeft() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int lowest_free = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(lowest_free);
    rlimit now = before_;
    now.rlim_cur = static_cast<rlim_t>(lowest_free);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &now) == 0);
  }
  ~NoDescriptorsLeft() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptorsLeft(const NoDescriptorsLeft&) = delete;
  NoDescriptorsLeft& operator=(const NoDescriptorsLeft&) = delete;

 private:
  rlimit before_{};
};

TEST_CASE("Listener: port 0 picks a free port, and a taken one is refused", "[listener]") {
  ListenerHarness t;
  CHECK(t.port() != 0);
  t.shard().run([&] {
    const auto again = Listener::open(t.shard().loop, "127.0.0.1", t.port());
    CHECK(again.error() == boost::system::errc::address_in_use);
  });
}

TEST_CASE("Listener: each connection is handed on once", "[listener]") {
  ListenerHarness t;
  std::vector<TestSocket> clients;
  for (int i = 0; i < 50; ++i) clients.push_back(TestSocket::connect(t.port()));
  CHECK(t.reaches_accepted(50));
}

TEST_CASE("Listener: above the limit a connection is closed at once and counted", "[listener]") {
  ListenerHarness t{2};
  const TestSocket first = TestSocket::connect(t.port());
  const TestSocket second = TestSocket::connect(t.port());
  REQUIRE(t.reaches_accepted(2));
  TestSocket third = TestSocket::connect(t.port());
  CHECK(third.sees_end());
  CHECK(t.reaches_refused(RefuseReason::connections_max, 1));
}

TEST_CASE("Listener: out of descriptors it turns connections away, and later accepts again",
          "[listener]") {
  ListenerHarness t;
  // Made before there is none left for the test's own end.
  std::vector<TestSocket> sockets;
  for (int i = 0; i < 3; ++i)
    sockets.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = TestSocket::loopback(t.port());
  const auto connect = [&](TestSocket& socket) {
    return ::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  };
  {
    const NoDescriptorsLeft none;
    REQUIRE(connect(sockets[0]) == 0);
    REQUIRE(connect(sockets[1]) == 0);
    CHECK(sockets[0].sees_end());
    CHECK(sockets[1].sees_end());
    CHECK(t.reaches_refused(RefuseReason::descriptors, 2));
  }
  REQUIRE(connect(sockets[2]) == 0);
  CHECK(t.reaches_accepted(1));
}

}  // namespace
}  // namespace strandline
