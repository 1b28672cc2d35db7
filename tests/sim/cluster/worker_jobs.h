// The jobs of simulated worker threads: each takes its time, which a slow or hung disk makes long.
//
// Thread   the world's
#pragma once

#include <cstddef>
#include <string>

#include "broker/runtime/task.h"
#include "broker/runtime/worker_pool.h"

namespace strandline::cluster_sim {

struct Host;

class WorkerJobs {
 public:
  static void open(const WorkerPool& pool, Host& host, std::string name, std::size_t threads);
  static void submit(const WorkerPool& pool, Task task);
  // Forgets what has not begun.
  static void drop(const WorkerPool& pool);
  static void close(const WorkerPool& pool);
};

}  // namespace strandline::cluster_sim
