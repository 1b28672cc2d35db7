// The thread of one shard: an event loop with a mailbox and timers. What lives on a shard is
// touched by this thread only, so nothing on the data path takes a lock.
//
// Thread   post(), stop(): any thread with a sender slot. All else: the loop's own thread, or any
//          thread before start()
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "broker/runtime/mailbox.h"
#include "broker/runtime/task.h"
#include "protocol/base/clock.h"

namespace boost::asio {
class io_context;
}

namespace strandline {

// Monotonic and wall-clock time now. The only places in the broker that read a clock.
Instant steady_now();
Timestamp wall_now();

struct TimerId {
  Instant due;
  std::uint64_t number = 0;

  friend auto operator<=>(const TimerId&, const TimerId&) = default;
};

class ShardLoop {
 public:
  // name      of the thread, 15 characters are kept
  // slot      this loop's own sender slot
  // senders   how many slots there are in the process
  ShardLoop(std::string name, SenderSlot slot, std::size_t senders);
  ~ShardLoop();
  ShardLoop(const ShardLoop&) = delete;
  ShardLoop& operator=(const ShardLoop&) = delete;

  void start();

  // Runs `task` on this loop's thread, in the order of the caller's posts. From the loop's own
  // thread it is run later, too, never inside the call.
  void post(Task task);

  // Runs `task` once at or after `delay` from now.
  TimerId after(Duration delay, Task task);
  void cancel(const TimerId& timer);

  // Runs `task` when the loop has handled what was ready, or has been at it for a millisecond;
  // before it sleeps. Work that gains from seeing several requests at once (starting a sync) waits
  // for this moment.
  void at_end_of_turn(Task task);

  // Ends the loop after what is posted already; join() waits for the thread.
  void stop();
  void join();

  // Both, from the thread that made the loop; does nothing when it never ran or has ended.
  void stop_and_join();

  bool is_own_thread() const;
  boost::asio::io_context& io();

 private:
  struct State;

  void run();
  void run_end_of_turn();
  void wait_for_mail();
  void arm_timer();
  void run_due_timers();

  std::unique_ptr<State> state_;
};

}  // namespace strandline
