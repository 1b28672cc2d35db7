#include "broker/cluster/shard_watch.h"

#include <time.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <future>

#include "tests/unit/broker/loop_thread.h"

namespace strandline {
namespace {

struct Watch {
  Watch()
      : watch(thread.loop, {&first, &second}, std::chrono::milliseconds{100},
              [this](std::size_t shard) { ++(shard == 0 ? first_stuck : second_stuck); }) {
    first.start();
    second.start();
    thread.run([this] { watch.start(); });
  }
  ~Watch() {
    thread.run([this] { watch.stop(); });
    first.stop_and_join();
    second.stop_and_join();
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  LoopThread thread;
  ShardLoop first{"first", kDiskSlot, kTestSenders};
  ShardLoop second{"second", kSyncSlot, kTestSenders};
  std::atomic<int> first_stuck{0};
  std::atomic<int> second_stuck{0};
  ShardWatch watch;
};

TEST_CASE("ShardWatch: a shard that does not come back is told of again and again, until it does",
          "[cluster]") {
  Watch t;
  std::promise<void> disk;
  t.second.post([waits = disk.get_future().share()] { waits.wait(); });
  CHECK(t.thread.reaches([&] { return t.second_stuck >= 3; }));
  disk.set_value();
  // Its answer is through by then, and all that was said before it.
  std::promise<void> is_back;
  t.second.post([&] { is_back.set_value(); });
  is_back.get_future().wait();
  const int before = t.thread.run([&] { return t.second_stuck.load(); });
  timespec wait{.tv_sec = 0, .tv_nsec = 300'000'000};
  ::nanosleep(&wait, nullptr);
  CHECK(t.second_stuck <= before + 1);
  CHECK(t.first_stuck == 0);
}

}  // namespace
}  // namespace strandline
