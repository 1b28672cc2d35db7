#include "broker/runtime/mailbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <optional>

#include "protocol/base/assertion.h"

namespace strandline {
namespace {

constexpr std::size_t kRingTasks = 256;  // a power of two: indexes wrap by masking

thread_local std::optional<SenderSlot> this_threads_slot;

}  // namespace

// Single producer, single consumer. While `spilled_` is not empty the producer appends there, so
// that its own order is kept; the consumer empties the ring first, then the spill.
class Mailbox::Ring {
 public:
  void push(Task task) {
    if (!spilling_.load(std::memory_order_acquire)) {
      const std::size_t tail = tail_.load(std::memory_order_relaxed);
      if (tail - head_.load(std::memory_order_acquire) < kRingTasks) {
        tasks_[tail & (kRingTasks - 1)] = std::move(task);
        tail_.store(tail + 1, std::memory_order_release);
        return;
      }
    }
    const std::lock_guard lock{spill_mutex_};
    spilled_.push_back(std::move(task));
    spilling_.store(true, std::memory_order_release);
  }

  std::size_t drain() {
    std::size_t ran = drain_ring();
    if (spilling_.load(std::memory_order_acquire)) {
      // What the producer put into the ring before it began to spill comes first.
      ran += drain_ring();
      std::deque<Task> spilled;
      {
        const std::lock_guard lock{spill_mutex_};
        spilled.swap(spilled_);
        spilling_.store(false, std::memory_order_release);
      }
      for (Task& task : spilled) task();
      ran += spilled.size();
    }
    return ran;
  }

 private:
  std::size_t drain_ring() {
    std::size_t head = head_.load(std::memory_order_relaxed);
    const std::size_t tail = tail_.load(std::memory_order_acquire);
    const std::size_t count = tail - head;
    for (; head != tail; ++head) {
      Task task = std::move(tasks_[head & (kRingTasks - 1)]);
      head_.store(head + 1, std::memory_order_release);
      task();
    }
    return count;
  }

  alignas(64) std::atomic<std::size_t> tail_{0};
  alignas(64) std::atomic<std::size_t> head_{0};
  alignas(64) std::atomic<bool> spilling_{false};
  std::mutex spill_mutex_;
  std::deque<Task> spilled_;
  std::array<Task, kRingTasks> tasks_;
};

Mailbox::Mailbox(std::size_t senders) : wake_fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  STRANDLINE_ASSERT(wake_fd_ >= 0);
  rings_.resize(senders);
  for (auto& ring : rings_) ring = std::make_unique<Ring>();
}

Mailbox::~Mailbox() { ::close(wake_fd_); }

void Mailbox::post(SenderSlot sender, Task task) {
  STRANDLINE_ASSERT(sender.index < rings_.size());
  rings_[sender.index]->push(std::move(task));
  wake();
}

void Mailbox::wake() {
  if (signalled_.exchange(true, std::memory_order_acq_rel)) return;
  const std::uint64_t one = 1;
  // Cannot fail: the counter never comes near its maximum, and it is ours.
  [[maybe_unused]] const auto written = ::write(wake_fd_, &one, sizeof(one));
}

std::size_t Mailbox::drain() {
  std::uint64_t wakes = 0;
  [[maybe_unused]] const auto got = ::read(wake_fd_, &wakes, sizeof(wakes));
  // Cleared before the rings are looked at: whoever posts from here on wakes us again.
  signalled_.exchange(false, std::memory_order_acq_rel);
  std::size_t ran = 0;
  for (auto& ring : rings_) ran += ring->drain();
  return ran;
}

void set_sender_slot(SenderSlot slot) { this_threads_slot = slot; }

SenderSlot sender_slot() {
  STRANDLINE_ASSERT(this_threads_slot.has_value());
  return *this_threads_slot;
}

}  // namespace strandline
