// A ShardLoop on a thread of its own, and a way for a test to look into it.
//
// Thread   the test's
#pragma once

#include <time.h>

#include <chrono>
#include <cstddef>
#include <future>
#include <utility>

#include "broker/runtime/shard_loop.h"

namespace strandline {

// Slots of the threads a test has: the loop, its worker pools, and the test itself.
inline constexpr std::size_t kTestSenders = 8;
inline constexpr SenderSlot kLoopSlot{0};
inline constexpr SenderSlot kDiskSlot{1};
inline constexpr SenderSlot kSyncSlot{3};
inline constexpr SenderSlot kOtherLoopSlot{5};  // of a loop that posts to another
inline constexpr SenderSlot kIdleSlot{6};
inline constexpr SenderSlot kTestSlot{7};

class LoopThread {
 public:
  explicit LoopThread(SenderSlot slot = kLoopSlot) : loop("test", slot, kTestSenders) {
    set_sender_slot(kTestSlot);
    loop.start();
  }
  ~LoopThread() { loop.stop_and_join(); }
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  // Runs `work` on the loop's thread and gives what it returns.
  template <class Work>
  auto run(Work work) {
    std::packaged_task<decltype(work())()> task{std::move(work)};
    auto result = task.get_future();
    loop.post([task = std::move(task)]() mutable { task(); });
    return result.get();
  }

  // Whether `condition`, looked at on the loop's thread, becomes true. The limit is there to end a
  // test that fails, and is generous for machines that do other work.
  template <class Condition>
  bool reaches(Condition condition) {
    const Instant limit = steady_now() + std::chrono::seconds{20};
    while (!run(condition)) {
      if (steady_now() > limit) return false;
      timespec pause{.tv_sec = 0, .tv_nsec = 500'000};
      ::nanosleep(&pause, nullptr);
    }
    return true;
  }

  ShardLoop loop;
};

}  // namespace strandline
