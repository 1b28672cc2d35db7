#include "tests/sim/replication/partition_run.h"

#include <algorithm>

namespace strandline::partition_sim {
namespace {

Profile profile_of(std::uint64_t seed) {
  Prng prng{seed ^ 0x5eed'0f'a11'5eedU};
  Profile profile;
  profile.replicas = prng.chance(3, 5) ? 3 : 4 + static_cast<int>(prng.below(2));
  const std::uint64_t pick = prng.below(10);
  profile.min_insync_replicas = pick < 7 ? 2 : pick < 9 ? 1 : 3;
  profile.flush_on_ack = prng.chance(17, 20);
  profile.replica_lag_ms_max =
      static_cast<std::int64_t>(prng.chance(1, 3) ? 2000 : 200 + prng.below(800));
  profile.has_connections = prng.chance(1, 2);
  profile.lost_per_mille = prng.below(60);
  profile.doubled_per_mille = prng.below(60);
  profile.late_per_mille = prng.below(60);
  profile.controller_trouble_per_mille = 60;
  // Many ISR changes, and little certainty about any.
  if (prng.chance(1, 3)) {
    profile.controller_trouble_per_mille = 450;
    profile.replica_lag_ms_max = 60 + static_cast<std::int64_t>(prng.below(200));
  }
  profile.credit_bytes = prng.chance(1, 3) ? 400 + prng.below(3000) : 4 << 20;
  profile.notice_ms_max = 1 + prng.below(300);
  profile.throttles_leader = prng.chance(1, 4);
  profile.throttles_follower = prng.chance(1, 4);
  return profile;
}

class PartitionRun {
 public:
  PartitionRun(std::uint64_t seed, const RunOptions& options)
      : profile_(profile_of(seed)),
        cluster_(seed, {.profile = profile_, .plant = options.plant, .trace = options.trace}),
        prng_(seed * 2 + 1),
        options_(options),
        fault_ms_max_(100 + prng_.below(400)),
        changes_min_(prng_.chance(1, 4)),
        may_damage_(profile_.flush_on_ack && profile_.min_insync_replicas >= 2 && !changes_min_) {}

  RunOutcome run() {
    RunOutcome outcome;
    try {
      cluster_.start_all();
      plan_appends();
      if (options_.faults) plan_faults();
      run_until(Instant{std::chrono::milliseconds{options_.ms}});
      finish();
    } catch (const Violation& violation) {
      outcome.passed = false;
      outcome.violation = violation.what;
    }
    outcome.stats = cluster_.stats();
    outcome.stats.events = cluster_.queue().events_run();
    outcome.stats.acknowledged = cluster_.acknowledged();
    outcome.digest = digest_;
    return outcome;
  }

 private:
  Duration ms(std::uint64_t least, std::uint64_t most) {
    return std::chrono::milliseconds{
        static_cast<std::int64_t>(least + prng_.below(most - least + 1))};
  }
  std::size_t anyone() { return prng_.below(cluster_.size()); }

  void run_until(Instant end) {
    while (cluster_.queue().run_next(end)) {
      cluster_.check();
      digest_ = (digest_ ^ cluster_.state_digest()) * 0x100000001b3U;
    }
  }

  void plan_appends() {
    cluster_.queue().after(ms(1, 40), [this] {
      if (!appending_) return;
      const std::uint64_t burst = prng_.chance(1, 10) ? 1 + prng_.below(12) : 1;
      for (std::uint64_t i = 0; i < burst; ++i) {
        // Producers find a leader, and sometimes an old one that does not know it yet.
        for (std::size_t node = 0; node < cluster_.size(); ++node) cluster_.append(node);
      }
      plan_appends();
    });
  }

  void plan_faults() {
    cluster_.queue().after(ms(1, fault_ms_max_), [this] {
      if (healed_) return;
      fault();
      plan_faults();
    });
  }

  void fault() {
    const std::uint64_t pick = prng_.below(100);
    const std::size_t node = anyone();
    if (changes_min_ && prng_.chance(1, 4)) return change_min();
    if (pick < 14) return crash(node);
    if (pick < 38) return crash(cluster_.leader().value_or(node));
    if (pick < 56) return cut_link(node, anyone());
    if (pick < 62) return cut_off(node);
    if (pick < 70) return cut_controller(node);
    if (pick < 76) return cluster_.stall_disk(node, ms(10, prng_.chance(1, 3) ? 3500 : 400));
    if (pick < 84) return cluster_.change_credit(node, prng_.below(3000));
    if (pick < 96) return cluster_.delete_records(cluster_.leader().value_or(node));
    return crash_all();
  }

  void change_min() {
    const auto most = static_cast<std::uint64_t>(std::min(cluster_.size(), std::size_t{3}));
    cluster_.set_min_insync_replicas(static_cast<std::int32_t>(1 + prng_.below(most)));
  }

  CrashKind kind_of_crash(std::size_t node) {
    if (!profile_.flush_on_ack) {
      return prng_.chance(1, 3) ? CrashKind::clean_stop : CrashKind::kill;
    }
    const bool damages =
        may_damage_ && !damaged_ && prng_.chance(1, 10) &&
        !cluster_.controller().is_needed(ReplicaId{static_cast<std::int32_t>(node + 1)});
    if (damages) {
      damaged_ = true;
      return CrashKind::damage;
    }
    const std::uint64_t pick = prng_.below(10);
    return pick < 6 ? CrashKind::power_loss : pick < 9 ? CrashKind::kill : CrashKind::clean_stop;
  }

  void crash(std::size_t node) {
    if (!cluster_.is_up(node)) return;
    cluster_.crash(node, kind_of_crash(node));
    const std::uint64_t most = prng_.chance(1, 6) ? 2500 : 200;
    cluster_.queue().after(ms(5, most), [this, node] { cluster_.start(node); });
  }

  void crash_all() {
    for (std::size_t node = 0; node < cluster_.size(); ++node) crash(node);
  }

  void cut_link(std::size_t a, std::size_t b) {
    cluster_.set_link(a, b, false);
    const std::uint64_t most = prng_.chance(1, 3) ? 2000 : 400;
    cluster_.queue().after(ms(1, most), [this, a, b] { cluster_.set_link(a, b, true); });
  }

  void cut_off(std::size_t node) {
    for (std::size_t other = 0; other < cluster_.size(); ++other) cut_link(node, other);
    if (prng_.chance(1, 2)) cut_controller(node);
  }

  void cut_controller(std::size_t node) {
    cluster_.set_controller_link(node, false);
    cluster_.queue().after(ms(100, 2500),
                           [this, node] { cluster_.set_controller_link(node, true); });
  }

  void finish() {
    healed_ = true;
    cluster_.heal();
    pass(std::chrono::seconds{3});
    appending_ = false;
    settle();
    for (std::size_t node = 0; node < cluster_.size(); ++node) cluster_.append(node);
    const std::uint64_t before = cluster_.acknowledged();
    settle();
    if (cluster_.acknowledged() == before) throw Violation{"nothing is acknowledged after healing"};
    pass(std::chrono::seconds{2});
    cluster_.check_rest();
    const std::uint64_t messages = cluster_.stats().messages;
    pass(std::chrono::seconds{5});
    if (cluster_.stats().messages != messages) throw Violation{"an idle partition sends messages"};
  }

  void pass(Duration duration) { run_until(cluster_.queue().now() + duration); }

  void settle() {
    const Instant end = cluster_.queue().now() + std::chrono::seconds{30};
    while (!cluster_.unsettled().empty()) {
      if (cluster_.queue().now() >= end) {
        cluster_.note_state();
        throw Violation{"no progress after healing: " + cluster_.unsettled()};
      }
      pass(std::chrono::milliseconds{100});
    }
  }

  const Profile profile_;
  Cluster cluster_;
  Prng prng_;
  const RunOptions options_;
  const std::uint64_t fault_ms_max_;
  const bool changes_min_;
  const bool may_damage_;
  bool damaged_ = false;
  bool appending_ = true;
  bool healed_ = false;
  std::uint64_t digest_ = 0;
};

}  // namespace

RunOutcome run_partition(std::uint64_t seed, const RunOptions& options) {
  return PartitionRun{seed, options}.run();
}

}  // namespace strandline::partition_sim
