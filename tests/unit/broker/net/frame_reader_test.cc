#include "broker/net/frame_reader.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/errc.h"
#include "protocol/base/prng.h"

namespace strandline {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

std::string framed(std::string_view body) {
  const auto size = static_cast<std::uint32_t>(body.size());
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(size >> shift & 0xff);
  return bytes.append(body);
}

std::string body_of(std::size_t number, std::size_t size) {
  std::string body = std::to_string(number) + ":";
  body.resize(std::max(size, body.size()), static_cast<char>('a' + number % 26));
  return body;
}

// A reader and the bytes of one peer, given to it in pieces of any size.
class FrameReaderHarness {
 public:
  explicit FrameReaderHarness(std::size_t frame_bytes_max = 64 * kMiB)
      : reader(pool, frame_bytes_max) {}

  // As a socket would: fills the space, at most `count` bytes of it.
  void receive(std::string_view bytes, std::size_t count_max = ~std::size_t{0}) {
    while (!bytes.empty()) {
      const MutableByteView space = reader.space();
      REQUIRE_FALSE(space.empty());
      const std::size_t count = std::min({space.size(), bytes.size(), count_max});
      std::copy_n(as_bytes(bytes).data(), count, space.data());
      reader.received(count);
      used_max = std::max(used_max, budget.used());
      bytes.remove_prefix(count);
      take();
    }
  }

  void take() {
    for (;;) {
      auto next = reader.next();
      if (!next) {
        error = next.error();
        return;
      }
      if (!next.value()) return;
      if (keep) held.push_back(*next.value());
      bodies.emplace_back(as_text(next.value()->bytes));
    }
  }

  MemoryBudget budget{1 << 30};
  BufferPool pool{budget};
  FrameReader reader;
  bool keep = false;
  std::vector<Frame> held;
  std::vector<std::string> bodies;
  ErrorCode error;
  std::uint64_t used_max = 0;
};

TEST_CASE("FrameReader: frames come out whole however the stream is cut", "[frame_reader]") {
  std::vector<std::string> sent;
  std::string stream;
  for (std::size_t i = 0; i < 40; ++i) {
    sent.push_back(i % 7 == 0 ? std::string{} : body_of(i, i * i * 31 % 30'000));
    stream += framed(sent.back());
  }
  for (const std::size_t piece : {1U, 3U, 4U, 5U, 1000U, 16'384U, 1'000'000U}) {
    FrameReaderHarness t;
    t.receive(stream, piece);
    CHECK(t.bodies == sent);
    CHECK(t.reader.pending().empty());
  }
}

TEST_CASE("FrameReader: bytes of frames in flight are never written over", "[frame_reader]") {
  Prng prng{5};
  FrameReaderHarness t;
  t.keep = true;
  for (std::size_t i = 0; i < 600; ++i) {
    t.receive(framed(body_of(i, prng.below(9000))), 1 + prng.below(20'000));
    // Some are answered long before others.
    if (prng.below(3) == 0 && !t.held.empty()) {
      const std::size_t gone = prng.below(t.held.size());
      t.held.erase(t.held.begin() + static_cast<std::ptrdiff_t>(gone));
      t.bodies.erase(t.bodies.begin() + static_cast<std::ptrdiff_t>(gone));
    }
    if (prng.below(8) == 0) t.reader.release_spare();
  }
  REQUIRE(t.held.size() == t.bodies.size());
  REQUIRE(t.held.size() > 100);
  bool unchanged = true;
  for (std::size_t i = 0; i < t.held.size(); ++i) {
    unchanged &= as_text(t.held[i].bytes) == t.bodies[i];
  }
  CHECK(unchanged);
}

TEST_CASE("FrameReader: a length below zero or over the limit is refused and stays pending",
          "[frame_reader]") {
  for (const std::string_view length :
       {std::string_view{"\xff\xff\xff\xff", 4}, std::string_view{"\x80\0\0\0", 4},
        std::string_view{"\0\0\x04\x01", 4}}) {
    FrameReaderHarness t{1024};
    t.receive(framed("before"));
    t.receive(length);
    CHECK(t.bodies == std::vector<std::string>{"before"});
    CHECK(t.error == make_error_code(Errc::frame_too_large));
    CHECK(as_text(t.reader.pending()) == length);
  }
  FrameReaderHarness t{1024};
  t.receive(framed(body_of(0, 1024)));
  CHECK(t.bodies.size() == 1);
}

TEST_CASE("FrameReader: memory grows with what has arrived, not with what was announced",
          "[frame_reader]") {
  FrameReaderHarness t;
  const std::string frame = framed(body_of(0, 48 * kMiB));
  t.receive(std::string_view{frame}.substr(0, 4));
  CHECK(t.budget.used() <= 16 * 1024);
  std::size_t arrived = 4;
  while (arrived < frame.size()) {
    const std::size_t piece = std::min<std::size_t>(100'000, frame.size() - arrived);
    t.receive(std::string_view{frame}.substr(arrived, piece), 1460);
    arrived += piece;
    // Twice what is there, rounded up to a power of two.
    REQUIRE(t.budget.used() <= std::max<std::size_t>(16 * 1024, 4 * arrived));
  }
  REQUIRE(t.bodies.size() == 1);
  CHECK(t.bodies.front().size() == 48 * kMiB);
}

TEST_CASE("FrameReader: the held part of a frame shrinks with its buffer and stays whole",
          "[frame_reader]") {
  for (const std::size_t arrived : {1U, 3U, 4U, 511U, 512U, 513U, 4000U, 5000U, 20'000U}) {
    FrameReaderHarness t;
    const std::string frame = framed(body_of(1, 30'000));
    t.receive(std::string_view{frame}.substr(0, arrived));
    t.reader.release_spare();
    CHECK(as_text(t.reader.pending()) == std::string_view{frame}.substr(0, arrived));
    if (arrived <= 4096) CHECK(t.budget.used() < std::max<std::size_t>(513, 2 * arrived));
    t.receive(std::string_view{frame}.substr(arrived));
    CHECK(t.bodies == std::vector<std::string>{body_of(1, 30'000)});
  }
}

TEST_CASE("FrameReader: after one huge frame a small one holds little memory", "[frame_reader]") {
  FrameReaderHarness t;
  t.receive(framed(body_of(0, 48 * kMiB)));
  t.reader.release_spare();
  CHECK(t.budget.used() == 0);
  t.receive(framed("small"));
  CHECK(t.bodies.back() == "small");
  CHECK(t.budget.used() <= 4 * kMiB);
}

TEST_CASE("FrameReader: idle, it holds no buffer; with the beginning of a frame a small one",
          "[frame_reader]") {
  FrameReaderHarness t;
  t.receive(framed("one") + std::string{"\0\0", 2});
  t.reader.release_spare();
  CHECK(t.budget.used() == BufferPool::kSmallestBytes);
  t.reader.release_spare();
  CHECK(t.budget.used() == BufferPool::kSmallestBytes);
  t.receive(std::string{"\0\3two", 5});
  t.reader.release_spare();
  CHECK(t.budget.used() == 0);
  CHECK(t.bodies == std::vector<std::string>{"one", "two"});
}

}  // namespace
}  // namespace strandline
