#include "broker/net/output_queue.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/base/errc.h"
#include "tests/unit/broker/net/loopback.h"

namespace strandline {
namespace {

// A file in memory, as a segment's lease.
class MemoryFile final : public FdLease {
 public:
  explicit MemoryFile(std::string_view content) : fd_(::memfd_create("test", MFD_CLOEXEC)) {
    REQUIRE(::write(fd_, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  }
  ~MemoryFile() override { ::close(fd_); }
  int fd() const override { return fd_; }

 private:
  int fd_;
};

MemoryPiece memory_piece(std::string_view text) {
  auto owner = std::make_shared<wire::ByteBuffer>();
  std::copy_n(as_bytes(text).data(), text.size(), owner->extend(text.size()));
  return {owner, owner->view()};
}

std::string pattern(std::size_t size, char first) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(first + i % 23);
  return text;
}

// A queue that sends into one end of a pair; the test reads the other.
struct QueueHarness {
  QueueHarness() {
    std::array<int, 2> fds{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds.data()) == 0);
    ours = std::make_unique<TestSocket>(fds[0]);
    theirs = std::make_unique<TestSocket>(fds[1]);
  }

  // What the peer can take now.
  void drain_peer() {
    std::array<char, 8192> bytes;
    ssize_t got = 0;
    while ((got = ::recv(theirs->fd(), bytes.data(), bytes.size(), MSG_DONTWAIT)) > 0) {
      received.append(bytes.data(), static_cast<std::size_t>(got));
    }
  }

  // Sends everything, the peer reading whenever the socket is full.
  void send_all() {
    while (!queue.empty()) {
      const std::uint64_t before = queue.bytes();
      const auto sent = queue.send_to(ours->fd());
      REQUIRE(sent.has_value());
      CHECK(before - queue.bytes() == sent.value().from_memory + sent.value().from_files);
      from_memory += sent.value().from_memory;
      from_files += sent.value().from_files;
      blocked += sent.value().blocked ? 1 : 0;
      drain_peer();
    }
    drain_peer();
  }

  std::unique_ptr<TestSocket> ours;
  std::unique_ptr<TestSocket> theirs;
  OutputQueue queue;
  std::string received;
  std::uint64_t from_memory = 0;
  std::uint64_t from_files = 0;
  int blocked = 0;
};

TEST_CASE("OutputQueue: pieces of memory and of files leave in order", "[output_queue]") {
  QueueHarness t;
  const std::string content = pattern(5'000'000, 'a');
  const auto file = std::make_shared<MemoryFile>(content);
  std::string expected;
  for (std::size_t i = 0; i < 30; ++i) {
    const std::string head = pattern(100 + i * 7000, 'A');
    t.queue.push(memory_piece(head));
    t.queue.push(FilePiece{file, i * 1000, i * 9000});
    expected += head + content.substr(i * 1000, i * 9000);
  }
  t.queue.push(FilePiece{file, 0, content.size()});  // more than one turn
  expected += content;
  CHECK(t.queue.bytes() == expected.size());
  t.send_all();
  CHECK(t.received == expected);
  CHECK(t.blocked > 0);
  CHECK(t.from_memory + t.from_files == expected.size());
  CHECK(t.queue.bytes() == 0);
  CHECK(t.queue.memory_bytes() == 0);
  CHECK(file.use_count() == 1);
}

TEST_CASE("OutputQueue: more pieces than one system call takes leave in order", "[output_queue]") {
  QueueHarness t;
  std::string expected;
  for (int i = 0; i < 500; ++i) {
    const std::string text = std::to_string(i) + ",";
    t.queue.push(memory_piece(text));
    expected += text;
  }
  t.send_all();
  CHECK(t.received == expected);
}

TEST_CASE("OutputQueue: empty pieces are nothing to send", "[output_queue]") {
  QueueHarness t;
  t.queue.push(MemoryPiece{});
  t.queue.push(FilePiece{std::make_shared<MemoryFile>("x"), 0, 0});
  CHECK(t.queue.empty());
  const auto sent = t.queue.send_to(t.ours->fd());
  REQUIRE(sent.has_value());
  CHECK_FALSE(sent.value().blocked);
}

TEST_CASE("OutputQueue: a piece's memory counts until the whole of it is sent", "[output_queue]") {
  QueueHarness t;
  const std::string large = pattern(2'000'000, 'a');
  t.queue.push(memory_piece(large));
  t.queue.push(FilePiece{std::make_shared<MemoryFile>("file"), 0, 4});
  const auto sent = t.queue.send_to(t.ours->fd());
  REQUIRE(sent.has_value());
  CHECK(sent.value().blocked);
  CHECK(sent.value().from_memory > 0);
  CHECK(t.queue.memory_bytes() == large.size());
  CHECK(t.queue.bytes() == large.size() + 4 - sent.value().from_memory);
  t.send_all();
  CHECK(t.received == large + "file");
  CHECK(t.queue.memory_bytes() == 0);
}

TEST_CASE("OutputQueue: a file that ends before its slice breaks the stream, it never hangs",
          "[output_queue]") {
  QueueHarness t;
  t.queue.push(FilePiece{std::make_shared<MemoryFile>("short"), 0, 100});
  const auto sent = t.queue.send_to(t.ours->fd());
  REQUIRE_FALSE(sent.has_value());
  CHECK(sent.error() == make_error_code(Errc::corrupt_file));
}

TEST_CASE("OutputQueue: a peer that is gone is an error, not a signal", "[output_queue]") {
  QueueHarness t;
  t.theirs.reset();
  t.queue.push(memory_piece("answer"));
  const auto sent = t.queue.send_to(t.ours->fd());
  REQUIRE_FALSE(sent.has_value());
  CHECK(sent.error() == boost::system::errc::broken_pipe);
}

TEST_CASE("OutputQueue: the head of a file response does not leave in a packet of its own",
          "[output_queue]") {
  Loopback pair = Loopback::make();
  OutputQueue queue;
  queue.push(memory_piece("head"));
  // Nothing can follow: what MSG_MORE held back shows as nothing received.
  queue.push(FilePiece{std::make_shared<MemoryFile>(""), 0, 1});
  REQUIRE_FALSE(queue.send_to(pair.ours.fd()).has_value());
  char byte = 0;
  CHECK(::recv(pair.theirs.fd(), &byte, 1, MSG_DONTWAIT) < 0);
  // Without a file behind it, it leaves at once.
  OutputQueue alone;
  alone.push(memory_piece("tail"));
  REQUIRE(alone.send_to(pair.ours.fd()).has_value());
  CHECK(pair.theirs.receive(8) == "headtail");
}

}  // namespace
}  // namespace strandline
