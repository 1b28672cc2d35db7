#include "tests/sim/quorum/run.h"

namespace strandline::sim::quorum {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class QuorumRun {
 public:
  QuorumRun(std::uint64_t seed, const RunOptions& options)
      : options_(options),
        prng_(seed ^ 0x9e3779b97f4a7c15U),
        voters_(1 + 2 * prng_.below(3)),
        world_(seed, {.plant = options.plant, .trace = options.trace}, voters_ + prng_.below(3),
               voters_) {}

  RunOutcome run() {
    RunOutcome outcome;
    try {
      for (int i = 0; i < options_.steps; ++i) {
        world_.run_until(world_.now() + milliseconds{prng_.below(400)});
        act(prng_.below(100));
      }
      heal();
    } catch (const Violation& violation) {
      outcome.passed = false;
      outcome.violation = violation.what();
    }
    outcome.digest = world_.digest();
    outcome.stats = world_.stats();
    return outcome;
  }

 private:
  std::size_t any_node() { return prng_.below(world_.size()); }

  void act(std::uint64_t pick) {
    if (pick < 40) return world_.propose();
    if (pick < 48) return world_.crash(any_node());
    if (pick < 63) return restart_some();
    if (pick < 68) return world_.cut(any_node(), any_node());
    if (pick < 71) return world_.isolate(any_node());
    if (pick < 80) return world_.heal_links();
    if (pick < 83) return world_.transfer();
    if (pick < 89) return world_.change_voters();
    if (pick < 93) return world_.take_snapshot(any_node());
    if (pick < 95) return world_.damage(any_node());
    if (pick < 96) return world_.wipe(any_node());
    if (pick < 97) return crash_all();
  }

  void restart_some() {
    for (std::size_t i = 0; i < world_.size(); ++i) {
      if (prng_.chance(2, 3)) world_.restart(i);
    }
  }

  // As a power cut takes them all at once.
  void crash_all() {
    for (std::size_t i = 0; i < world_.size(); ++i) world_.crash(i);
  }

  void heal() {
    world_.make_reliable();
    for (std::size_t i = 0; i < world_.size(); ++i) world_.restart(i);
    const std::uint64_t before = world_.committed_batches();
    std::string missing = "everything";
    for (int second = 0; second < 60 && !missing.empty(); ++second) {
      world_.run_until(world_.now() + seconds{1});
      world_.mend_voters(voters_);
      world_.propose();
      world_.run_until(world_.now() + seconds{1});
      missing = world_.what_is_missing();
      if (second < 3) missing = "patience";  // what is late may still do harm
    }
    if (!missing.empty()) throw Violation{"it does not recover: " + missing};
    if (world_.committed_batches() <= before) throw Violation{"nothing is committed any more"};
  }

  const RunOptions options_;
  Prng prng_;
  const std::size_t voters_;
  World world_;
};

}  // namespace

RunOutcome run_quorum(std::uint64_t seed, const RunOptions& options) {
  return QuorumRun{seed, options}.run();
}

}  // namespace strandline::sim::quorum
