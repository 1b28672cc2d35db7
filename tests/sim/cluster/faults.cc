#include "tests/sim/cluster/faults.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "tests/sim/cluster/sim_broker.h"

namespace strandline::cluster_sim {
namespace {

// A replica that was away for a moment has all records again long before.
constexpr Duration kAddingMax = std::chrono::seconds{5};
constexpr Duration kLookAgain = std::chrono::microseconds{200};

}  // namespace

void FaultStats::add(const FaultStats& other) {
  kills += other.kills;
  power_cuts += other.power_cuts;
  stops += other.stops;
  pauses += other.pauses;
  cuts += other.cuts;
  bad_links += other.bad_links;
  disks += other.disks;
  lost_disks += other.lost_disks;
  clocks += other.clocks;
  reassignments += other.reassignments;
}

Faults::Faults(World& world, Cluster& cluster)
    : world_(world),
      cluster_(cluster),
      prng_(world.prng().next()),
      interval_ms_max_(1500 + prng_.below(4000)),
      loses_messages_(prng_.chance(1, 2)) {}

Duration Faults::ms(std::uint64_t least, std::uint64_t most) {
  return std::chrono::milliseconds{
      static_cast<std::int64_t>(least + prng_.below(most - least + 1))};
}

void Faults::begin() {
  if (loses_messages_) world_.network().set_loss(1 + prng_.below(20));
  for (const auto& host : world_.hosts()) {
    world_.set_drift(*host, 1.0 + (static_cast<double>(prng_.below(2001)) - 1000.0) / 100'000.0);
  }
  plan_next();
}

void Faults::plan_next() {
  world_.after(ms(50, interval_ms_max_), [this] {
    if (!active_) return;
    strike();
    plan_next();
  });
}

Host& Faults::anyone() { return *world_.hosts()[prng_.below(world_.hosts().size())]; }

Host& Faults::somebody_who_matters() {
  const std::uint64_t pick = prng_.below(3);
  Host* const controls = pick == 0 ? cluster_.controller() : nullptr;
  if (controls != nullptr) return *controls;
  const auto partitions = static_cast<std::uint64_t>(cluster_.shape().partitions);
  Host* const leads =
      pick == 1
          ? cluster_.leader_of(PartitionIndex{static_cast<std::int32_t>(prng_.below(partitions))})
          : nullptr;
  return leads != nullptr ? *leads : anyone();
}

void Faults::strike() {
  Host& host = somebody_who_matters();
  const std::uint64_t pick = prng_.below(100);
  if (pick < 36) return strike_process(host);
  if (pick < 60) return strike_links();
  if (pick < 78) return strike_disk(host);
  if (pick < 84) return strike_clock(host);
  if (pick < 92) return move_partition();
  if (pick < 97) return stop_all();
  lose_disk(anyone());
}

bool Faults::must_spare_logs() {
  if (!is_replaced_) is_replaced_ = cluster_.is_lost_disk_replaced();
  return !is_replaced_;
}

// --- processes and power

CrashModel Faults::what_stays() {
  if (must_spare_logs()) return CrashModel::process_kill();
  const std::uint64_t pick = prng_.below(4);
  if (pick == 0) return CrashModel::power_loss();
  if (pick == 1) return CrashModel::power_loss_keeping_names();
  return CrashModel::power_loss_torn();
}

void Faults::restart_after(Host& host, Duration wait) {
  world_.after(wait, [this, &host] { cluster_.start(host); });
}

void Faults::strike_again(Host& host, Duration wait) {
  restart_after(host, wait);
  if (!prng_.chance(1, 3)) return;
  world_.after(wait + ms(1, 200), [this, &host] {
    if (!active_ || up(host) == nullptr) return;
    ++stats_.power_cuts;
    world_.note("power of " + std::to_string(host.id) + " again");
    cluster_.cut_power(host, what_stays());
    restart_after(host, ms(30, 400));
  });
}

void Faults::strike_process(Host& host) {
  if (up(host) == nullptr) return;
  const std::uint64_t pick = prng_.below(10);
  if (pick < 4) {
    ++stats_.kills;
    world_.note("kill " + std::to_string(host.id));
    cluster_.kill(host);
    return strike_again(host, ms(10, prng_.chance(1, 4) ? 4000 : 400));
  }
  if (pick < 7) {
    ++stats_.power_cuts;
    world_.note("power of " + std::to_string(host.id));
    cluster_.cut_power(host, what_stays());
    return strike_again(host, ms(30, prng_.chance(1, 4) ? 4000 : 600));
  }
  if (pick < 9) {
    ++stats_.pauses;
    world_.note("pause " + std::to_string(host.id));
    world_.pause(host);
    world_.after(ms(100, 3500), [this, &host] { world_.resume(host); });
    return;
  }
  ++stats_.stops;
  world_.note("stop " + std::to_string(host.id));
  cluster_.stop_in_order(host);
}

void Faults::stop_all() {
  const bool only_processes = prng_.chance(1, 3);
  world_.note(only_processes ? "kill all" : "power of all");
  for (const auto& host : world_.hosts()) {
    if (!host->is_up()) continue;
    world_.resume(*host);
    if (only_processes) {
      ++stats_.kills;
      cluster_.kill(*host);
    } else {
      ++stats_.power_cuts;
      cluster_.cut_power(*host, what_stays());
    }
    strike_again(*host, ms(50, 700));
  }
}

// --- links

void Faults::cut_for(int from, int to, Duration duration) {
  world_.network().cut(from, to);
  world_.after(duration, [this, from, to] { world_.network().mend(from, to); });
}

void Faults::isolate(const Host& host, Duration duration) {
  for (const auto& other : world_.hosts()) {
    cut_for(host.id, other->id, duration);
    cut_for(other->id, host.id, duration);
  }
}

void Faults::strike_links() {
  const Host& one = somebody_who_matters();
  const Host& other = anyone();
  const Duration duration = ms(50, prng_.chance(1, 3) ? 5000 : 1500);
  const std::uint64_t pick = prng_.below(10);
  if (pick < 2) {
    ++stats_.bad_links;
    world_.network().set_slowness(2000 + prng_.below(60'000));
    world_.after(duration, [this] { world_.network().set_slowness(0); });
    return;
  }
  if (one.id == other.id) return;
  ++stats_.cuts;
  world_.note("cut " + std::to_string(one.id) + " and " + std::to_string(other.id));
  if (pick < 4) return cut_for(one.id, other.id, duration);
  if (pick < 7) {
    cut_for(one.id, other.id, duration);
    return cut_for(other.id, one.id, duration);
  }
  isolate(one, duration);
}

// --- disks

void Faults::fail_calls(Host& host, DiskCall call, int error, std::string path_part) {
  host.disk->plan(
      {.call = call, .nth = 1 + prng_.below(6), .error = error, .path_part = std::move(path_part)});
}

void Faults::strike_disk(Host& host) {
  if (up(host) == nullptr) return;
  ++stats_.disks;
  const std::uint64_t pick = prng_.below(must_spare_logs() ? 5 : 10);
  const Duration duration = ms(100, 3000);
  world_.note("disk of " + std::to_string(host.id) + " kind " + std::to_string(pick));
  if (pick < 3) {
    host.disk_hangs_until = world_.now() + duration;
  } else if (pick < 5) {
    host.disk_slowness = 3 + prng_.below(40);
    world_.after(duration, [&host] { host.disk_slowness = 1; });
  } else if (pick < 7) {
    host.disk->set_capacity(host.disk->used_bytes() + prng_.below(3000));
    world_.after(duration, [&host, disk = host.disk.get()] {
      if (host.disk.get() == disk) disk->set_capacity(SimDisk::kUnlimited);
    });
  } else if (pick < 9) {
    fail_calls(host, DiskCall::sync, EIO, prng_.chance(1, 2) ? cluster_.shape().topic + "-" : "");
  } else {
    fail_calls(host, DiskCall::write, EIO, cluster_.shape().topic + "-");
  }
}

// One replica's disk is lost, or silently damaged: what may be lost where all others are well.
void Faults::lose_disk(Host& host) {
  if (up(host) == nullptr || is_damaged_ || !cluster_.can_lose_disk_of(host)) return;
  ++stats_.lost_disks;
  const std::uint64_t pick = prng_.below(5);
  if (pick < 2) return wipe(host);
  // Nobody knows of it yet: another lost disk would be one too many, and an operator who takes the
  // other replicas away gives the records up.
  is_damaged_ = true;
  cluster_.stop_reassigning();
  if (pick == 2) return corrupt(host);
  if (pick == 3) return tear(host);
  world_.note("kill " + std::to_string(host.id));
  cluster_.kill(host);
  restart_after(host, ms(10, 400));
  tear_when_added(host, world_.now() + kAddingMax);
}

void Faults::wipe(Host& host) {
  world_.note("wipe " + std::to_string(host.id));
  cluster_.cut_power(host, what_stays());
  cluster_.wipe(host);
  is_replaced_ = false;
  for (const auto& other : world_.hosts()) {
    other->disk->clear_faults();
    other->disk->set_capacity(SimDisk::kUnlimited);
  }
  restart_after(host, ms(30, 600));
}

void Faults::corrupt(Host& host) {
  world_.note("corrupt " + std::to_string(host.id));
  cluster_.cut_power(host, what_stays());
  (void)cluster_.corrupt(host, Damage::anywhere);
  restart_after(host, ms(30, 600));
}

// The power of all goes, and one disk was not honest about the end of a log: a leader's where it
// can be, who is the first that is asked afterwards, and has to say so.
void Faults::tear(Host& any) {
  Host* const leads = cluster_.leader_of(PartitionIndex{0});
  Host& host = leads != nullptr && cluster_.can_lose_disk_of(*leads) ? *leads : any;
  world_.note("power of all, and torn " + std::to_string(host.id));
  for (const auto& other : world_.hosts()) {
    ++stats_.power_cuts;
    cluster_.cut_power(*other, what_stays());
    restart_after(*other, other.get() == &host ? ms(10, 300) : ms(50, 700));
  }
  (void)cluster_.corrupt(host, Damage::at_the_end);
}

// While the leader's word that a replica is in sync again is on its way, it loses what it was in
// sync by; and the controller hears first of its next start.
void Faults::tear_when_added(Host& host, Instant until) {
  if (!active_ || world_.now() > until) return;
  const Host* const leader = cluster_.who_adds(host);
  const Host* const controls = cluster_.controller();
  const bool is_the_moment = leader != nullptr && leader != controls && up(host) != nullptr &&
                             !must_spare_logs() && cluster_.can_lose_disk_of(host);
  if (!is_the_moment) {
    return world_.after(kLookAgain, [this, &host, until] { tear_when_added(host, until); });
  }
  world_.note("torn while it is added: " + std::to_string(host.id));
  ++stats_.power_cuts;
  const Duration held = ms(30, 300);
  cut_for(leader->id, controls->id, held);
  cut_for(leader->id, host.id, held + ms(50, 200));  // nor does it get them back before
  cluster_.cut_power(host, what_stays());
  (void)cluster_.corrupt(host, Damage::at_the_end);
  restart_after(host, ms(1, 5));
}

// --- clocks

void Faults::strike_clock(Host& host) {
  ++stats_.clocks;
  if (prng_.chance(1, 2)) {
    const double off = (static_cast<double>(prng_.below(201)) - 100.0) / 1000.0;
    return world_.set_drift(host, 1.0 + off);
  }
  world_.note("clock of " + std::to_string(host.id));
  const auto hour = static_cast<std::int64_t>(3'600'000);
  world_.jump_wall(host, static_cast<std::int64_t>(prng_.below(2 * 3'600'000)) - hour);
}

// --- operators

// To three brokers in another order, or other ones where there are more; sometimes to two, and back
// with the next.
void Faults::move_partition() {
  std::vector<int> brokers;
  for (const auto& host : world_.hosts()) brokers.push_back(host->id);
  for (std::size_t i = brokers.size(); i > 1; --i) {
    std::swap(brokers[i - 1], brokers[prng_.below(i)]);
  }
  brokers.resize(prng_.chance(1, 4) ? 2 : 3);
  ++stats_.reassignments;
  const auto partitions = static_cast<std::uint64_t>(cluster_.shape().partitions);
  cluster_.reassign(PartitionIndex{static_cast<std::int32_t>(prng_.below(partitions))}, brokers);
}

// --- the end

void Faults::heal() {
  active_ = false;
  world_.note("heal");
  world_.network().set_loss(0);
  world_.network().set_slowness(0);
  world_.network().mend_all();
  for (const auto& host : world_.hosts()) {
    if (host->paused) world_.resume(*host);
    host->disk_hangs_until = world_.now();
    host->disk_slowness = 1;
    host->disk->clear_faults();
    host->disk->set_capacity(SimDisk::kUnlimited);
    world_.set_drift(*host, 1.0);
    cluster_.start(*host);
  }
}

}  // namespace strandline::cluster_sim
