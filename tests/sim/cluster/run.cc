#include "tests/sim/cluster/run.h"

#include <utility>

#include "tests/sim/cluster/checker.h"
#include "tests/sim/cluster/cluster.h"
#include "tests/sim/cluster/world.h"

namespace strandline::cluster_sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kFormMax = seconds{15};
constexpr Duration kSettleMax = seconds{60};

Shape shape_of(std::uint64_t seed) {
  Prng prng{seed ^ 0xc105'7e12'5eedU};
  Shape shape;
  shape.brokers = prng.chance(2, 3) ? 3 : 5;
  shape.partitions = prng.chance(2, 3) ? 1 : 2;
  shape.segment_bytes = prng.chance(1, 2) ? 4096 + static_cast<std::int64_t>(prng.below(30'000))
                                          : std::int64_t{1} << 30;
  return shape;
}

class ClusterRun {
 public:
  ClusterRun(std::uint64_t seed, const RunOptions& options)
      : options_(options),
        shape_(shape_of(seed)),
        world_(seed, shape_.brokers, options.trace),
        cluster_(world_, shape_),
        clients_(world_, cluster_.checker(),
                 {.topic = shape_.topic, .partitions = shape_.partitions}),
        faults_(world_, cluster_) {
    world_.after_each([this](Host* host) {
      if (host != nullptr) cluster_.checker().after_event(*host);
    });
  }

  RunOutcome run() {
    RunOutcome outcome;
    try {
      form();
      live();
      rest();
    } catch (const Violation& violation) {
      outcome.passed = false;
      outcome.violation = violation.what();
      world_.note("VIOLATION: " + outcome.violation);
      if (options_.trace) cluster_.note_state();
    }
    note_stats(outcome);
    return outcome;
  }

 private:
  void pass(Duration duration) {
    const Instant end = world_.now() + duration;
    while (world_.run_next(end)) {
    }
  }

  template <class Condition>
  void wait_for(Duration most, const Condition& missing) {
    const Instant end = world_.now() + most;
    std::string what = missing();
    while (!what.empty()) {
      if (world_.now() >= end) throw Violation{"no progress without faults: " + what};
      pass(milliseconds{50});
      what = missing();
    }
  }

  void form() {
    cluster_.start_all();
    wait_for(kFormMax, [&] { return cluster_.is_formed() ? "" : "the cluster does not form"; });
    cluster_.create_topic();
    wait_for(kFormMax, [&] {
      const auto image = cluster_.image();
      return image->topic(shape_.topic) == nullptr ? "the topic is not created" : "";
    });
    wait_for(kFormMax, [&] { return cluster_.unsettled(); });
    clients_.start(cluster_.image()->topic(shape_.topic)->id);
  }

  void live() {
    if (options_.faults) faults_.begin();
    pass(seconds{options_.seconds});
  }

  void rest() {
    faults_.heal();
    healed_at_ = world_.now();
    pass(seconds{1});
    clients_.stop_producing();
    cluster_.stop_reassigning();
    wait_for(kSettleMax, [&] {
      return clients_.all_answered() ? cluster_.unsettled() : "a producer has no answer";
    });
    settled_at_ = world_.now();
    cluster_.read_through();
    wait_for(kSettleMax, [&] { return cluster_.has_read_all() ? "" : "readers have no answer"; });
    pass(seconds{1});
    clients_.produce_once();
    wait_for(kSettleMax, [&] {
      return clients_.all_answered() ? cluster_.unsettled() : "a producer has no answer";
    });
    cluster_.checker().check_everything();
  }

  void note_stats(RunOutcome& outcome) {
    RunStats& stats = outcome.stats;
    stats.events = world_.events_run();
    stats.leader_changes = cluster_.checker().leader_changes();
    stats.controllers = cluster_.checker().metadata_leaders();
    stats.starts = cluster_.starts();
    stats.disk_failures = cluster_.disk_failures();
    stats.statements = cluster_.checker().statements();
    stats.settled_ms = static_cast<std::uint64_t>(
        std::chrono::duration_cast<milliseconds>(settled_at_ - healed_at_).count());
    stats.clients = clients_.stats();
    stats.faults = faults_.stats();
    stats.network = world_.network().stats();
    outcome.digest = world_.digest();
    outcome.counts = stats.clients.acked >= kAckedMin && stats.faults.all() >= kFaultsMin &&
                     stats.leader_changes >= kLeaderChangesMin;
  }

  const RunOptions options_;
  const Shape shape_;
  World world_;
  Cluster cluster_;
  Clients clients_;
  Faults faults_;
  Instant healed_at_{};
  Instant settled_at_{};
};

}  // namespace

void RunStats::add(const RunStats& other) {
  events += other.events;
  leader_changes += other.leader_changes;
  controllers += other.controllers;
  starts += other.starts;
  disk_failures += other.disk_failures;
  statements += other.statements;
  settled_ms += other.settled_ms;
  clients.sent += other.clients.sent;
  clients.retried += other.clients.retried;
  clients.acked += other.clients.acked;
  clients.acked_lax += other.clients.acked_lax;
  clients.refused += other.clients.refused;
  clients.timed_out += other.clients.timed_out;
  clients.reads += other.clients.reads;
  clients.producers_begun_anew += other.clients.producers_begun_anew;
  faults.add(other.faults);
  network.messages += other.network.messages;
  network.lost += other.network.lost;
  network.doubled += other.network.doubled;
  network.overtaken += other.network.overtaken;
  network.broken += other.network.broken;
}

RunOutcome run_cluster(std::uint64_t seed, const RunOptions& options) {
  return ClusterRun{seed, options}.run();
}

}  // namespace strandline::cluster_sim
