// How other threads reach a shard: one bounded ring for each of them, and one eventfd wake a batch.
//
// A post from one thread to a shard is run in the order of that thread's posts; posts of different
// threads are not ordered among each other. A ring that is full spills to a queue under a lock, so
// a post never waits and never fails: the bound on what can be in flight is the bound on requests
// in flight, which connections keep.
//
// Thread   post(): the thread that owns `sender`. drain(): the owner of the mailbox
// Owns     the eventfd
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "broker/runtime/task.h"

namespace strandline {

// Which ring a thread posts through. Given out once, at thread start (see ThreadSlots).
struct SenderSlot {
  std::size_t index = 0;
};

class Mailbox {
 public:
  // senders   how many threads may post, each with a slot below it
  explicit Mailbox(std::size_t senders);
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // Becomes readable when there may be work; the owner reads it empty by drain().
  int wake_fd() const { return wake_fd_; }

  void post(SenderSlot sender, Task task);

  // Runs everything that was posted before the call, and returns how many tasks that was.
  std::size_t drain();

 private:
  class Ring;

  void wake();

  int wake_fd_;
  std::atomic<bool> signalled_{false};
  std::vector<std::unique_ptr<Ring>> rings_;
};

// The slot of the calling thread: set once per thread before it posts anything.
void set_sender_slot(SenderSlot slot);
SenderSlot sender_slot();

}  // namespace strandline
