#include "broker/runtime/worker_pool.h"

#include <sched.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <latch>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "broker/runtime/mailbox.h"

namespace strandline {
namespace {

TEST_CASE("WorkerPool: stop() runs what was submitted before it", "[worker_pool]") {
  std::atomic<int> ran{0};
  WorkerPool pool{"work", 2, SenderSlot{0}};
  for (int i = 0; i < 1000; ++i) pool.submit([&ran] { ++ran; });
  pool.stop();
  CHECK(ran == 1000);
  CHECK(pool.backlog() == 0);
}

TEST_CASE("WorkerPool: work submitted after stop() is dropped, not kept", "[worker_pool]") {
  WorkerPool pool{"work", 1, SenderSlot{0}};
  pool.stop();
  const auto held = std::make_shared<bool>(false);
  pool.submit([held] { *held = true; });
  CHECK(held.use_count() == 1);
  CHECK_FALSE(*held);
  pool.stop();  // a second time does no harm
}

TEST_CASE("WorkerPool: an idle pool finishes what it has begun and drops the rest",
          "[worker_pool]") {
  std::latch begun{1};
  std::latch go_on{1};
  std::atomic<int> policy{-1};
  std::atomic<int> ran{0};
  WorkerPool pool{"work", 1, SenderSlot{0}, WorkerPool::Priority::idle};
  pool.submit([&] {
    policy = sched_getscheduler(0);
    begun.count_down();
    go_on.wait();
    ++ran;
  });
  const auto dropped = std::make_shared<bool>(false);
  pool.submit([dropped] { *dropped = true; });
  begun.wait();
  std::thread stopper{[&pool] { pool.stop(); }};
  while (pool.backlog() > 0) std::this_thread::yield();
  go_on.count_down();
  stopper.join();
  CHECK(policy == SCHED_IDLE);
  CHECK(ran == 1);
  CHECK_FALSE(*dropped);
  CHECK(dropped.use_count() == 1);
}

TEST_CASE("WorkerPool: its threads work side by side, each with a sender slot of its own",
          "[worker_pool]") {
  constexpr std::size_t kThreads = 3;
  WorkerPool pool{"work", kThreads, SenderSlot{5}};
  std::mutex mutex;
  std::set<std::size_t> slots;
  std::latch all_busy{kThreads};
  for (std::size_t i = 0; i < kThreads; ++i) {
    pool.submit([&] {
      all_busy.arrive_and_wait();  // ends only when all threads are in here at once
      const std::lock_guard lock{mutex};
      slots.insert(sender_slot().index);
    });
  }
  pool.stop();
  CHECK(slots == std::set<std::size_t>{5, 6, 7});
}

TEST_CASE("WorkerPool: the backlog is what waits for a free thread", "[worker_pool]") {
  WorkerPool pool{"work", 1, SenderSlot{0}};
  std::latch busy{1};
  std::latch go_on{1};
  pool.submit([&] {
    busy.count_down();
    go_on.wait();
  });
  busy.wait();
  CHECK(pool.backlog() == 0);
  pool.submit([] {});
  pool.submit([] {});
  CHECK(pool.backlog() == 2);
  go_on.count_down();
  pool.stop();
  CHECK(pool.backlog() == 0);
}

}  // namespace
}  // namespace strandline
