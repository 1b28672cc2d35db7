// Virtual time, hosts and what happens when: the ground that whole brokers stand on in the
// simulation. The production broker asks for time, threads, connections and a disk at a few seams
// (ShardLoop, WorkerPool, RpcChannel and what opens one, Probe, Disk); seam_*.cc answer them from
// here.
//
// Everything runs on one thread, in the order of virtual time; events of one time keep the order
// they were made in. So a seed means one run.
//
// Thread   one world a thread of one process at a time: World::now_running()
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "broker/runtime/shard_loop.h"
#include "broker/runtime/task.h"
#include "protocol/base/clock.h"
#include "protocol/base/ids.h"
#include "protocol/base/prng.h"
#include "storage/io/sim_disk.h"
#include "tests/sim/cluster/network.h"

namespace strandline::cluster_sim {

class SimBroker;

struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// How a host's clocks run from a moment of the world's time on.
struct ClockPiece {
  Instant from{};
  Instant steady{};  // what the steady one shows then
  double drift = 1.0;
  std::int64_t wall_offset_ms = 0;
};

// One machine: its disk and its clocks outlive the processes that run on it.
struct Host {
  Host(int number, std::uint64_t seed);
  ~Host();

  int id;  // also the node.id, from 1
  std::unique_ptr<SimDisk> disk;
  std::uint64_t disk_seed;
  std::uint64_t disks_used = 1;
  std::unique_ptr<SimBroker> broker;  // the process; null: none runs
  std::uint64_t life = 0;             // counts processes
  // The steady clock runs a little fast or slow, the wall clock may jump. The last piece is now's.
  std::vector<ClockPiece> clock{ClockPiece{}};
  // Nothing of its process runs until then (SIGSTOP).
  bool paused = false;
  std::vector<Task> deferred;
  // Its disk answers nothing before that, and each call takes so many times as long.
  Instant disk_hangs_until{};
  std::uint64_t disk_slowness = 1;
  // The process is on its way out: what it is still asked to do is dropped.
  bool leaving = false;
  bool runs_posts_at_once = false;  // while it is taken down from outside

  bool is_up() const { return broker != nullptr; }
};

class World {
 public:
  World(std::uint64_t seed, int hosts, bool trace);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  static World& now_running();

  Instant now() const { return now_; }
  Prng& prng() { return prng_; }
  Network& network() { return network_; }
  std::vector<std::unique_ptr<Host>>& hosts() { return hosts_; }
  Host& host(int id) { return *hosts_.at(static_cast<std::size_t>(id - 1)); }
  std::uint64_t events_run() const { return events_run_; }
  // Of all that happened: two runs of one seed give the same.
  std::uint64_t digest() const { return digest_; }
  void mix(std::uint64_t value);

  // --- time

  void at(Instant when, Task run);
  void after(Duration delay, Task run) { at(now_ + delay, std::move(run)); }
  // On that host: dropped when its process has ended by then, held back while it is paused.
  void at_host(Host& host, Instant when, Task run);
  // Runs the next event; false: there is none before `end`, which is the time then.
  bool run_next(Instant end);
  // Called after each event with the host it happened on, or nullptr.
  void after_each(std::function<void(Host*)> check) { check_ = std::move(check); }

  Duration between_us(std::uint64_t least, std::uint64_t most);
  Instant steady_of(const Host& host) const;
  Timestamp wall_of(const Host& host) const;
  // How long a time on the host's clock is.
  Duration to_world(const Host& host, Duration local) const;
  void set_drift(Host& host, double drift);
  void jump_wall(Host& host, std::int64_t ms);
  // When its wall clock first showed that time; none: never.
  std::optional<Instant> when_wall_was(const Host& host, Timestamp time) const;

  // --- processes

  // Whose code runs at present; nullptr: the simulator's own.
  Host* current() const { return current_; }
  // Runs `work` as that host's process.
  void as(Host& host, const std::function<void()>& work);
  void pause(Host& host);
  void resume(Host& host);
  // Forgets what is planned for the host's process. What it held is destroyed by the caller, while
  // all that it refers to is still there.
  std::vector<Task> purge(Host& host);
  // A loop has work for the end of its turn.
  void note_turn(Task end_of_turn) { turns_.push_back(std::move(end_of_turn)); }
  // What a worker posts arrives when its job is done.
  Instant post_time() const { return in_job_ ? job_ends_ : now_; }
  void begin_job(Instant ends) { in_job_ = true, job_ends_ = ends; }
  void end_job() { in_job_ = false; }

  bool traces() const { return trace_; }
  void note(const std::string& what);

 private:
  struct Event {
    Host* host = nullptr;
    std::uint64_t life = 0;
    Task run;
  };
  // What the heap is made of: an event is moved twice and no more.
  struct Due {
    Instant when;
    std::uint64_t number;
    std::size_t slot;  // of its event
  };
  struct Later {
    bool operator()(const Due& a, const Due& b) const {
      return a.when != b.when ? a.when > b.when : a.number > b.number;
    }
  };
  void push(Instant when, Event event);
  // Begins another piece of the host's clock.
  ClockPiece& new_piece(Host& host);
  void run(Host* host, Task& task);

  Prng prng_;
  Instant now_{std::chrono::seconds{1}};
  std::uint64_t events_made_ = 0;
  std::uint64_t events_run_ = 0;
  std::uint64_t digest_ = 0;
  std::vector<Due> due_;  // a heap
  std::vector<Event> events_;
  std::vector<std::size_t> free_;  // slots of events_
  std::vector<std::unique_ptr<Host>> hosts_;
  Network network_;
  Host* current_ = nullptr;
  std::vector<Task> turns_;
  std::function<void(Host*)> check_;
  bool in_job_ = false;
  Instant job_ends_{};
  const bool trace_;
};

}  // namespace strandline::cluster_sim
