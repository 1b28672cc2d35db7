#include "broker/runtime/worker_pool.h"

#include <pthread.h>
#include <sched.h>

#include <csignal>
#include <utility>

#include "protocol/base/assertion.h"

namespace strandline {
namespace {

// A kernel that refuses leaves the thread as it was, which costs others some of their time.
void schedule(pthread_t thread, int policy) {
  const sched_param none{};
  pthread_setschedparam(thread, policy, &none);
}

}  // namespace

WorkerPool::WorkerPool(std::string name, std::size_t threads, SenderSlot first_slot,
                       Priority priority)
    : priority_(priority) {
  STRANDLINE_ASSERT(threads > 0);
  threads_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this, name = name.substr(0, 12) + "-" + std::to_string(i),
                           slot = SenderSlot{first_slot.index + i}] { run(slot, name); });
  }
}

WorkerPool::~WorkerPool() { stop(); }

void WorkerPool::submit(Task task) {
  {
    const std::lock_guard lock{mutex_};
    if (stopping_) return;  // the process is on its way out: nobody waits for this any more
    tasks_.push_back(std::move(task));
  }
  work_.notify_one();
}

void WorkerPool::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    if (priority_ == Priority::idle) tasks_.clear();
  }
  work_.notify_all();
  // What it is in the middle of is waited for now, by somebody with a right to the processor.
  for (std::thread& thread : threads_) schedule(thread.native_handle(), SCHED_OTHER);
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

std::size_t WorkerPool::backlog() const {
  const std::lock_guard lock{mutex_};
  return tasks_.size();
}

void WorkerPool::run(SenderSlot slot, const std::string& name) {
  pthread_setname_np(pthread_self(), name.c_str());
  set_sender_slot(slot);
  if (priority_ == Priority::idle) schedule(pthread_self(), SCHED_IDLE);
  for (;;) {
    Task task;
    {
      std::unique_lock lock{mutex_};
      work_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

}  // namespace strandline
