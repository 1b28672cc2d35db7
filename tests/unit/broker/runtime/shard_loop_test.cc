#include "broker/runtime/shard_loop.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/broker/loop_thread.h"

namespace strandline {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

TEST_CASE("ShardLoop: posts of one thread run in order on the loop's thread", "[shard_loop]") {
  LoopThread t;
  std::vector<int> ran;
  bool own_thread = true;
  for (int i = 0; i < 1000; ++i) {
    t.loop.post([&, i] {
      own_thread &= t.loop.is_own_thread();
      ran.push_back(i);
    });
  }
  REQUIRE(t.reaches([&] { return ran.size() == 1000; }));
  CHECK(own_thread);
  CHECK(std::is_sorted(ran.begin(), ran.end()));
  CHECK_FALSE(t.loop.is_own_thread());
}

TEST_CASE("ShardLoop: a post from its own thread runs later, not inside the call", "[shard_loop]") {
  LoopThread t;
  bool ran = false;
  const bool ran_inside = t.run([&] {
    t.loop.post([&ran] { ran = true; });
    return ran;
  });
  CHECK_FALSE(ran_inside);
  CHECK(t.reaches([&] { return ran; }));
}

TEST_CASE("ShardLoop: timers run in the order of their moments, never before", "[shard_loop]") {
  LoopThread t;
  std::string ran;
  bool early = false;
  t.run([&] {
    const auto expect = [&](char name, Duration delay) {
      const Instant due = steady_now() + delay;
      t.loop.after(delay, [&, name, due] {
        early |= steady_now() < due;
        ran += name;
      });
    };
    expect('c', milliseconds{30});
    expect('b', milliseconds{20});
    expect('a', milliseconds{5});  // earlier than what the clock was set to
    expect('0', milliseconds{0});
  });
  REQUIRE(t.reaches([&] { return ran.size() == 4; }));
  CHECK(ran == "0abc");
  CHECK_FALSE(early);
}

TEST_CASE("ShardLoop: a cancelled timer never runs and lets go of its task at once",
          "[shard_loop]") {
  LoopThread t;
  const auto held = std::make_shared<int>(0);
  bool later = false;
  t.run([&] {
    const TimerId first = t.loop.after(milliseconds{1}, [held] { ++*held; });
    t.loop.after(milliseconds{10}, [&later] { later = true; });
    t.loop.cancel(first);
    t.loop.cancel(first);  // again: nothing to do
  });
  CHECK(held.use_count() == 1);
  CHECK(t.reaches([&] { return later; }));
  CHECK(*held == 0);
}

TEST_CASE("ShardLoop: a timer may set timers and cancel ones that are due with it",
          "[shard_loop]") {
  LoopThread t;
  bool cancelled_ran = false;
  int rounds = 0;
  std::function<void()> again = [&] {
    if (++rounds < 5) t.loop.after(milliseconds{1}, [&] { again(); });
  };
  t.run([&] {
    auto second = std::make_shared<TimerId>();
    t.loop.after(milliseconds{2}, [&, second] { t.loop.cancel(*second); });
    *second = t.loop.after(milliseconds{2}, [&] { cancelled_ran = true; });
    // Both are due before the loop looks.
    std::this_thread::sleep_for(milliseconds{5});
    again();
  });
  CHECK(t.reaches([&] { return rounds == 5; }));
  CHECK_FALSE(cancelled_ran);
}

TEST_CASE("ShardLoop: work for the end of a turn runs behind all that was ready", "[shard_loop]") {
  LoopThread t;
  std::string order;
  std::atomic<bool> go_on{false};
  // The loop is held up until everything is in its mailbox: one turn takes it all.
  t.loop.post([&] {
    while (!go_on) std::this_thread::yield();
  });
  for (const char name : {'a', 'b', 'c'}) {
    t.loop.post([&, name] {
      order += name;
      t.loop.at_end_of_turn([&order] { order += '.'; });
    });
  }
  go_on = true;
  REQUIRE(t.reaches([&] { return order.size() == 6; }));
  CHECK(order == "abc...");
}

TEST_CASE("ShardLoop: what work at the end of a turn adds runs in the same turn", "[shard_loop]") {
  LoopThread t;
  std::string order;
  t.run([&] {
    t.loop.at_end_of_turn([&] {
      order += 'a';
      t.loop.at_end_of_turn([&] { order += 'b'; });
      t.loop.post([&] { order += 'c'; });
    });
  });
  REQUIRE(t.reaches([&] { return order.size() == 3; }));
  CHECK(order == "abc");
}

TEST_CASE("ShardLoop: work that makes more of itself is spread over turns", "[shard_loop]") {
  LoopThread t;
  int turns = 0;
  std::function<void()> again = [&] {
    if (++turns < 10) t.loop.at_end_of_turn([&] { again(); });
  };
  t.run([&] { t.loop.at_end_of_turn([&] { again(); }); });
  CHECK(t.reaches([&] { return turns == 10; }));
}

TEST_CASE("ShardLoop: a turn ends although work never stops coming", "[shard_loop]") {
  LoopThread t;
  std::atomic<bool> ended{false};
  std::atomic<bool> enough{false};
  std::function<void()> busy = [&] {
    if (!enough) t.loop.post([&] { busy(); });
  };
  t.loop.post([&] {
    t.loop.at_end_of_turn([&ended] { ended = true; });
    busy();
  });
  const Instant limit = steady_now() + std::chrono::seconds{5};
  while (!ended && steady_now() < limit) std::this_thread::yield();
  enough = true;
  t.loop.stop_and_join();
  CHECK(ended);
}

TEST_CASE("ShardLoop: stop() ends it behind what was posted before", "[shard_loop]") {
  set_sender_slot(kTestSlot);
  ShardLoop loop{"test", kLoopSlot, kTestSenders};
  int ran = 0;
  for (int i = 0; i < 500; ++i) loop.post([&ran] { ++ran; });  // also before it runs
  loop.start();
  for (int i = 0; i < 500; ++i) loop.post([&ran] { ++ran; });
  loop.stop();
  loop.join();
  CHECK(ran == 1000);
  loop.stop_and_join();  // has ended: nothing to do
}

TEST_CASE("ShardLoop: what never ran is let go of while the loop's sockets can still close",
          "[shard_loop]") {
  set_sender_slot(kTestSlot);
  const auto held = std::make_shared<int>(0);
  bool context_was_there = false;
  {
    ShardLoop loop{"test", kLoopSlot, kTestSenders};
    const std::shared_ptr<void> witness{nullptr, [&](void*) {
                                          // Uses the context: with it gone this is a use after
                                          // free.
                                          context_was_there = !loop.io().stopped();
                                        }};
    loop.post([witness] {});
    loop.after(hours{1}, [held] {});
    loop.at_end_of_turn([held] {});
    CHECK(held.use_count() == 3);
  }
  CHECK(context_was_there);
  CHECK(held.use_count() == 1);
}

}  // namespace
}  // namespace strandline
