#include "tests/sim/cluster/worker_jobs.h"

#include <deque>
#include <map>
#include <memory>
#include <utility>

#include "tests/sim/cluster/world.h"

namespace strandline::cluster_sim {
namespace {

struct Pool {
  Host& host;
  std::string name;
  std::size_t idle;
  std::deque<Task> waiting;
};

// Only looked up, never walked: the order of addresses shows nowhere.
std::map<const WorkerPool*, std::shared_ptr<Pool>> pools;

Duration time_of_job(const Pool& pool) {
  World& world = World::now_running();
  const std::uint64_t slowness = pool.host.disk_slowness;
  Duration takes = pool.name == "sync"   ? world.between_us(100, 3000)
                   : pool.name == "idle" ? world.between_us(5000, 50'000)
                                         : world.between_us(50, 2000);
  takes *= static_cast<std::int64_t>(slowness);
  if (pool.host.disk_hangs_until > world.now()) {
    takes += pool.host.disk_hangs_until - world.now();
  }
  return takes;
}

void begin_next(const std::shared_ptr<Pool>& pool) {
  if (pool->waiting.empty() || pool->idle == 0) return;
  --pool->idle;
  World& world = World::now_running();
  const Duration takes = time_of_job(*pool);
  const Instant ends = world.now() + takes;
  const auto into =
      static_cast<std::int64_t>(world.prng().below(static_cast<std::uint64_t>(takes.count()) + 1));
  // What is done is done some time in between.
  world.at_host(pool->host, world.now() + Duration{into},
                [pool, ends, task = std::move(pool->waiting.front())]() mutable {
                  World& then = World::now_running();
                  then.begin_job(ends);
                  task();
                  then.end_job();
                });
  pool->waiting.pop_front();
  world.at_host(pool->host, ends, [pool] {
    ++pool->idle;
    begin_next(pool);
  });
}

}  // namespace

void WorkerJobs::open(const WorkerPool& pool, Host& host, std::string name, std::size_t threads) {
  pools[&pool] = std::make_shared<Pool>(Pool{host, std::move(name), threads, {}});
}

void WorkerJobs::submit(const WorkerPool& pool, Task task) {
  const std::shared_ptr<Pool>& jobs = pools.at(&pool);
  if (jobs->host.leaving) return;
  jobs->waiting.push_back(std::move(task));
  begin_next(jobs);
}

void WorkerJobs::drop(const WorkerPool& pool) { pools.at(&pool)->waiting.clear(); }

void WorkerJobs::close(const WorkerPool& pool) { pools.erase(&pool); }

}  // namespace strandline::cluster_sim
