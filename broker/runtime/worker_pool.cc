#include "broker/runtime/worker_pool.h"

#include <pthread.h>

#include <csignal>
#include <utility>

#include "protocol/base/assertion.h"

namespace strandline {

WorkerPool::WorkerPool(std::string name, std::size_t threads, SenderSlot first_slot) {
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
  }
  work_.notify_all();
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
