// Threads that may wait: for the disk, for a sync. Shards hand work to them and get a completion
// posted back.
//
// Thread   submit(): any. stop(): the owner; work already submitted is still run (but see
//          Priority::idle), later work dropped
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "broker/runtime/mailbox.h"
#include "broker/runtime/task.h"

namespace strandline {

class WorkerPool {
 public:
  // idle: runs only on processor time that nobody else wants (SCHED_IDLE). Its work may wait as
  // long as the machine is busy, and what has not begun when the pool stops is dropped.
  enum class Priority : std::uint8_t { normal, idle };

  // name         shown by top -H, at most 12 characters are kept
  // threads      at least 1
  // first_slot   worker i posts to shards through slot first_slot + i
  WorkerPool(std::string name, std::size_t threads, SenderSlot first_slot,
             Priority priority = Priority::normal);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  void submit(Task task);
  void stop();

  // Tasks waiting for a free thread, for metrics.
  std::size_t backlog() const;

 private:
  void run(SenderSlot slot, const std::string& name);

  const Priority priority_;
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Task> tasks_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace strandline
