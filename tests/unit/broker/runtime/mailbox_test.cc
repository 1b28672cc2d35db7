#include "broker/runtime/mailbox.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace strandline {
namespace {

constexpr SenderSlot kFirst{0};
constexpr SenderSlot kSecond{1};

bool is_readable(const Mailbox& mailbox, int wait_ms = 0) {
  pollfd waiting{.fd = mailbox.wake_fd(), .events = POLLIN, .revents = 0};
  return ::poll(&waiting, 1, wait_ms) == 1;
}

TEST_CASE("Mailbox: one sender's tasks run in the order of its posts", "[mailbox]") {
  Mailbox mailbox{1};
  std::vector<int> ran;
  for (int i = 0; i < 100; ++i) mailbox.post(kFirst, [&ran, i] { ran.push_back(i); });
  CHECK(mailbox.drain() == 100);
  REQUIRE(ran.size() == 100);
  for (int i = 0; i < 100; ++i) CHECK(ran[static_cast<std::size_t>(i)] == i);
  CHECK(mailbox.drain() == 0);
}

TEST_CASE("Mailbox: a sender far ahead of the owner loses nothing and keeps its order",
          "[mailbox]") {
  Mailbox mailbox{2};
  std::vector<int> ran;
  // Beyond the ring, twice: the second round begins after the spill was emptied.
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 1000; ++i) mailbox.post(kSecond, [&ran, i] { ran.push_back(i); });
    CHECK(mailbox.drain() == 1000);
  }
  REQUIRE(ran.size() == 2000);
  bool in_order = true;
  for (std::size_t i = 0; i < ran.size(); ++i) in_order &= ran[i] == static_cast<int>(i % 1000);
  CHECK(in_order);
}

TEST_CASE("Mailbox: tasks posted by a running task wait for the next drain, in order",
          "[mailbox]") {
  Mailbox mailbox{1};
  std::vector<int> ran;
  // More than the ring holds before and in the middle of a drain of the spill.
  for (int i = 0; i < 300; ++i) {
    mailbox.post(kFirst, [&mailbox, &ran, i] {
      ran.push_back(i);
      mailbox.post(kFirst, [&ran, i] { ran.push_back(1000 + i); });
    });
  }
  while (mailbox.drain() > 0) {
  }
  REQUIRE(ran.size() == 600);
  std::vector<int> first;
  std::vector<int> second;
  for (const int value : ran) (value < 1000 ? first : second).push_back(value);
  CHECK(std::is_sorted(first.begin(), first.end()));
  CHECK(std::is_sorted(second.begin(), second.end()));
  CHECK(second.size() == 300);
}

TEST_CASE("Mailbox: the owner is woken by the first post after a drain, and only then",
          "[mailbox]") {
  Mailbox mailbox{2};
  CHECK_FALSE(is_readable(mailbox));
  mailbox.post(kFirst, [] {});
  CHECK(is_readable(mailbox));
  mailbox.post(kSecond, [] {});
  CHECK(mailbox.drain() == 2);
  CHECK_FALSE(is_readable(mailbox));
  mailbox.post(kSecond, [] {});
  CHECK(is_readable(mailbox));
}

TEST_CASE("Mailbox: a task that posts wakes the owner again", "[mailbox]") {
  Mailbox mailbox{2};
  int late = 0;
  // From the slot that is drained first, into it: this drain is past it.
  mailbox.post(kSecond, [&] { mailbox.post(kFirst, [&late] { ++late; }); });
  mailbox.drain();
  CHECK(late == 0);
  CHECK(is_readable(mailbox));
  CHECK(mailbox.drain() == 1);
  CHECK(late == 1);
}

TEST_CASE("Mailbox: what was never run is destroyed with it", "[mailbox]") {
  const auto held = std::make_shared<int>(1);
  {
    Mailbox mailbox{1};
    for (int i = 0; i < 300; ++i) mailbox.post(kFirst, [held] {});
    CHECK(held.use_count() == 301);
  }
  CHECK(held.use_count() == 1);
}

TEST_CASE("Mailbox: many senders at once lose no task, no order and no wake", "[mailbox]") {
  constexpr std::size_t kSenders = 4;
  constexpr std::uint64_t kPosts = 20'000;
  Mailbox mailbox{kSenders};
  std::array<std::uint64_t, kSenders> next{};
  bool in_order = true;
  std::vector<std::thread> senders;
  for (std::size_t sender = 0; sender < kSenders; ++sender) {
    senders.emplace_back([&, sender] {
      for (std::uint64_t i = 0; i < kPosts; ++i) {
        mailbox.post(SenderSlot{sender}, [&next, &in_order, sender, i] {
          in_order &= next[sender] == i;
          ++next[sender];
        });
      }
    });
  }
  std::size_t ran = 0;
  // Sleeps without a limit on being woken in time: a lost wake shows as the poll running out.
  bool woken = true;
  while (ran < kSenders * kPosts && woken) {
    woken = is_readable(mailbox, 10'000);
    ran += mailbox.drain();
  }
  for (std::thread& sender : senders) sender.join();
  CHECK(woken);
  CHECK(in_order);
  CHECK(ran == kSenders * kPosts);
  for (const std::uint64_t count : next) CHECK(count == kPosts);
}

}  // namespace
}  // namespace strandline
