// Clocks, loops and worker threads of a broker, answered by the simulated world: takes the place of
// broker/runtime/shard_loop.cc and worker_pool.cc in the program.
//
// A job of a worker is done at one moment between its begin and its end, and what it posts arrives
// at the end: a crash may come between the two.
#include <boost/asio/io_context.hpp>
#include <map>
#include <string>
#include <utility>

#include "broker/runtime/shard_loop.h"
#include "broker/runtime/worker_pool.h"
#include "protocol/base/assertion.h"
#include "tests/sim/cluster/worker_jobs.h"
#include "tests/sim/cluster/world.h"

namespace strandline {
using cluster_sim::Host;
using cluster_sim::World;

namespace {

World& world() { return World::now_running(); }

Host& current_host() {
  Host* const host = world().current();
  STRANDLINE_ASSERT(host != nullptr);
  return *host;
}

}  // namespace

Instant steady_now() { return world().steady_of(current_host()); }
Timestamp wall_now() { return world().wall_of(current_host()); }

struct ShardLoop::State {
  explicit State(Host& given) : host(given) {}

  void end_turn() {
    turn_is_noted = false;
    for (Task& task : std::exchange(end_of_turn, {})) task();
  }

  Host& host;
  std::map<TimerId, Task> timers;
  std::uint64_t timers_made = 0;
  std::vector<Task> end_of_turn;
  bool turn_is_noted = false;
  std::vector<Task> mail;
  bool wake_is_planned = false;
};

ShardLoop::ShardLoop(std::string, SenderSlot, std::size_t)
    : state_(std::make_unique<State>(current_host())) {}

ShardLoop::~ShardLoop() = default;

void ShardLoop::start() {}
void ShardLoop::stop() {}
void ShardLoop::join() {}
void ShardLoop::stop_and_join() {}
bool ShardLoop::is_own_thread() const { return true; }

// Sockets are made with it, and never opened.
boost::asio::io_context& ShardLoop::io() {
  static boost::asio::io_context unused;
  return unused;
}

void ShardLoop::post(Task task) {
  Host& host = state_->host;
  if (host.runs_posts_at_once) return task();
  if (host.leaving) return;
  const Instant when = world().post_time();
  if (when > world().now()) {
    return world().at_host(host, when, std::move(task));
  }
  state_->mail.push_back(std::move(task));
  if (std::exchange(state_->wake_is_planned, true)) return;
  world().at_host(host, when + world().between_us(2, 60), [state = state_.get()] {
    state->wake_is_planned = false;
    for (Task& mail : std::exchange(state->mail, {})) mail();
  });
}

TimerId ShardLoop::after(Duration delay, Task task) {
  Host& host = state_->host;
  const TimerId id{steady_now() + delay, ++state_->timers_made};
  if (host.leaving) return id;
  state_->timers.emplace(id, std::move(task));
  // "For ever" does not fit the clock.
  const Duration wait = std::min(delay, Duration{std::chrono::hours{24}});
  world().at_host(host, world().now() + world().to_world(host, wait), [state = state_.get(), id] {
    auto timer = state->timers.extract(id);
    if (!timer.empty()) timer.mapped()();
  });
  return id;
}

void ShardLoop::cancel(const TimerId& timer) { state_->timers.erase(timer); }

void ShardLoop::at_end_of_turn(Task task) {
  if (state_->host.leaving) return;
  state_->end_of_turn.push_back(std::move(task));
  if (std::exchange(state_->turn_is_noted, true)) return;
  world().note_turn([state = state_.get()] { state->end_turn(); });
}

// --- workers

// Which host a pool belongs to is in its jobs: the pool's own members are not used.
WorkerPool::WorkerPool(std::string name, std::size_t threads, SenderSlot, Priority priority)
    : priority_(priority) {
  cluster_sim::WorkerJobs::open(*this, current_host(), std::move(name), threads);
}

WorkerPool::~WorkerPool() { cluster_sim::WorkerJobs::close(*this); }

void WorkerPool::submit(Task task) { cluster_sim::WorkerJobs::submit(*this, std::move(task)); }
void WorkerPool::stop() {}
std::size_t WorkerPool::backlog() const { return 0; }

}  // namespace strandline
