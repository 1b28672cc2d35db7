#include "tests/sim/cluster/world.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "broker/logging/log.h"
#include "protocol/base/assertion.h"
#include "tests/sim/cluster/sim_broker.h"

namespace strandline::cluster_sim {
namespace {

World* running = nullptr;

constexpr std::int64_t kWallBaseMs = 1'790'000'000'000;

Instant steady_at(const ClockPiece& piece, Instant time) {
  const auto passed = static_cast<double>((time - piece.from).count()) * piece.drift;
  return piece.steady + Duration{static_cast<std::int64_t>(passed)};
}

std::int64_t whole_ms(Instant time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

void print_log_line(std::string_view line) { World::now_running().note(std::string{line}); }

}  // namespace

Host::Host(int number, std::uint64_t seed)
    : id(number), disk(std::make_unique<SimDisk>(seed)), disk_seed(seed) {}

Host::~Host() = default;

World::World(std::uint64_t seed, int hosts, bool trace)
    : prng_(seed), network_(*this, hosts), trace_(trace) {
  STRANDLINE_ASSERT(running == nullptr);
  running = this;
  set_log_level(trace ? LogLevel::debug : LogLevel::off);
  set_log_sink(trace ? &print_log_line : nullptr);
  for (int id = 1; id <= hosts; ++id) hosts_.push_back(std::make_unique<Host>(id, prng_.next()));
}

World::~World() {
  for (auto& host : hosts_) {
    if (host->is_up()) host->broker->end(CrashModel::process_kill(), Network::Death::process);
  }
  due_.clear();
  events_.clear();
  running = nullptr;
}

World& World::now_running() {
  STRANDLINE_ASSERT(running != nullptr);
  return *running;
}

void World::mix(std::uint64_t value) {
  digest_ = (digest_ ^ value) * 0x9e3779b97f4a7c15U;
  digest_ ^= digest_ >> 29;
}

void World::note(const std::string& what) {
  if (!trace_) return;
  std::fprintf(stderr, "%10.3f ms  %c  %s\n",
               static_cast<double>(now_.time_since_epoch().count()) / 1e6,
               current_ == nullptr ? '-' : static_cast<char>('0' + current_->id), what.c_str());
}

// --- time

void World::push(Instant when, Event event) {
  std::size_t slot = events_.size();
  if (free_.empty()) {
    events_.push_back(std::move(event));
  } else {
    slot = free_.back();
    free_.pop_back();
    events_[slot] = std::move(event);
  }
  due_.push_back({std::max(when, now_), ++events_made_, slot});
  std::push_heap(due_.begin(), due_.end(), Later{});
}

void World::at(Instant when, Task run) { push(when, {nullptr, 0, std::move(run)}); }

void World::at_host(Host& host, Instant when, Task run) {
  push(when, {&host, host.life, std::move(run)});
}

bool World::run_next(Instant end) {
  if (due_.empty() || due_.front().when >= end) {
    now_ = std::max(now_, end);
    return false;
  }
  std::pop_heap(due_.begin(), due_.end(), Later{});
  const Due due = due_.back();
  due_.pop_back();
  Event event = std::move(events_[due.slot]);
  free_.push_back(due.slot);
  now_ = due.when;
  Host* const host = event.host;
  if (host != nullptr && (!host->is_up() || host->life != event.life || host->leaving)) return true;
  if (host != nullptr && host->paused) {
    host->deferred.push_back(std::move(event.run));
    return true;
  }
  ++events_run_;
  mix(static_cast<std::uint64_t>(now_.time_since_epoch().count()) * 31 +
      static_cast<std::uint64_t>(host == nullptr ? 0 : host->id));
  run(host, event.run);
  if (check_) check_(host);
  return true;
}

void World::run(Host* host, Task& task) {
  Host* const before = std::exchange(current_, host);
  task();
  // What one turn adds for its end waits for the next round, as in a real loop.
  while (!turns_.empty()) {
    for (Task& turn : std::exchange(turns_, {})) turn();
  }
  current_ = before;
}

void World::as(Host& host, const std::function<void()>& work) {
  Task task{work};
  run(&host, task);
}

Duration World::between_us(std::uint64_t least, std::uint64_t most) {
  return std::chrono::microseconds{
      static_cast<std::int64_t>(least + prng_.below(most - least + 1))};
}

Instant World::steady_of(const Host& host) const { return steady_at(host.clock.back(), now_); }

Timestamp World::wall_of(const Host& host) const {
  return Timestamp{whole_ms(steady_of(host)) + kWallBaseMs + host.clock.back().wall_offset_ms};
}

Duration World::to_world(const Host& host, Duration local) const {
  // A nanosecond more, so that rounding wakes nobody before their time.
  return Duration{
      static_cast<std::int64_t>(static_cast<double>(local.count()) / host.clock.back().drift) + 1};
}

ClockPiece& World::new_piece(Host& host) {
  ClockPiece piece = host.clock.back();
  piece.steady = steady_at(piece, now_);
  piece.from = now_;
  return host.clock.emplace_back(piece);
}

void World::set_drift(Host& host, double drift) { new_piece(host).drift = drift; }

void World::jump_wall(Host& host, std::int64_t ms) { new_piece(host).wall_offset_ms += ms; }

std::optional<Instant> World::when_wall_was(const Host& host, Timestamp time) const {
  for (std::size_t i = 0; i < host.clock.size(); ++i) {
    const ClockPiece& piece = host.clock[i];
    const Instant end = i + 1 < host.clock.size() ? host.clock[i + 1].from : now_;
    const std::int64_t wanted_ms = time.value() - kWallBaseMs - piece.wall_offset_ms;
    if (wanted_ms < whole_ms(piece.steady) || wanted_ms > whole_ms(steady_at(piece, end))) continue;
    const Duration away = Instant{std::chrono::milliseconds{wanted_ms}} - piece.steady;
    const auto passed = static_cast<std::int64_t>(static_cast<double>(away.count()) / piece.drift);
    return piece.from + Duration{std::max<std::int64_t>(0, passed)};
  }
  return std::nullopt;
}

// --- processes

void World::pause(Host& host) {
  host.paused = true;
  network_.on_quiet(host);
}

void World::resume(Host& host) {
  host.paused = false;
  for (Task& task : std::exchange(host.deferred, {})) at_host(host, now_, std::move(task));
}

std::vector<Task> World::purge(Host& host) {
  std::vector<Task> dropped = std::exchange(host.deferred, {});
  const auto is_its = [&](const Due& due) {
    Event& event = events_[due.slot];
    if (event.host != &host) return false;
    dropped.push_back(std::move(event.run));
    free_.push_back(due.slot);
    return true;
  };
  std::erase_if(due_, is_its);
  std::make_heap(due_.begin(), due_.end(), Later{});
  return dropped;
}

}  // namespace strandline::cluster_sim
