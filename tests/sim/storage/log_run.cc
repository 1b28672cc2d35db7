#include "tests/sim/storage/log_run.h"

#include <array>

#include "protocol/base/hash.h"

namespace strandline::sim {
namespace {

class LogRun {
 public:
  LogRun(std::uint64_t seed, const RunOptions& options)
      : world_(seed, {.plant = options.plant, .trace = options.trace}),
        prng_(seed * 2 + 1),
        options_(options) {}

  RunOutcome run() {
    RunOutcome outcome;
    try {
      start();
      for (int step = 0; step < options_.steps; ++step) {
        guarded([&] { act(); });
        if (world_.wants_restart()) end_process();
      }
      finish();
    } catch (const Violation& violation) {
      outcome.passed = false;
      outcome.violation = violation.what;
    }
    world_.disk().on_operation(nullptr);
    outcome.stats = world_.stats();
    outcome.stats.steps = static_cast<std::uint64_t>(options_.steps);
    outcome.digest = trail_.digest();
    return outcome;
  }

 private:
  void start() {
    guarded([&] { world_.open(); });
  }

  // Carries on an action; when the process dies in it, starts again, until that works.
  template <class Action>
  void guarded(Action action) {
    try {
      action();
      return;
    } catch (const CrashNow&) {
      recover();
    }
  }

  void recover() {
    for (int attempt = 0;; ++attempt) {
      world_.disk().on_operation(nullptr);
      world_.crash(random_model());
      if (attempt < 3 && prng_.chance(1, 2)) crash_later(12);  // also in the middle of recovery
      try {
        world_.open();
        world_.disk().on_operation(nullptr);
        return;
      } catch (const CrashNow&) {
        continue;  // it crashed again while recovering: once more
      }
    }
  }

  void end_process() {
    world_.disk().on_operation(nullptr);
    recover();
  }

  CrashModel random_model() {
    static constexpr std::array kModels{
        CrashModel::power_loss(), CrashModel::power_loss_torn(), CrashModel::power_loss_torn(),
        CrashModel::power_loss_keeping_names(), CrashModel::process_kill()};
    return kModels[prng_.below(kModels.size())];
  }

  // The process dies at one of the next calls of the disk.
  void crash_later(std::uint64_t calls_max) {
    std::uint64_t left = 1 + prng_.below(calls_max);
    world_.disk().on_operation([left](DiskCall, const std::string&) mutable {
      if (--left == 0) throw CrashNow{};
    });
  }

  void act() {
    world_.pass_time(static_cast<std::int64_t>(prng_.below(2000)));
    const std::uint64_t pick = prng_.below(100);
    trail(pick);
    const int producer = static_cast<int>(prng_.below(3));
    if (pick < 32) return world_.append(producer);
    if (pick < 42) return world_.append_group();
    if (pick < 46) return world_.append_plain();
    if (pick < 49) return world_.append_again(producer);
    if (pick < 51) return world_.append_gap(producer);
    if (pick < 57) return world_.begin_sync();
    if (pick < 65) return world_.finish_sync();
    if (pick < 70) return world_.sync();
    if (pick < 75) return world_.checkpoint();
    if (pick < 78) return world_.producer_snapshot();
    if (pick < 80) return world_.write_indexes();
    if (pick < 82) return world_.remove_dropped_files();
    if (pick < 84) return world_.delete_records();
    if (pick < 87) return world_.apply_retention();
    if (pick < 88) return world_.truncate();
    if (pick < 92) return world_.read();
    if (pick < 93) return world_.find_by_time();
    if (pick < 94) return world_.clean_restart();
    if (pick < 96 && options_.faults) return plan_fault();
    if (pick < 99) return crash_later(25);
    throw CrashNow{};
  }

  void plan_fault() {
    static constexpr std::array kCalls{DiskCall::write, DiskCall::sync, DiskCall::sync,
                                       DiskCall::sync_directory, DiskCall::rename};
    const DiskCall call = kCalls[prng_.below(kCalls.size())];
    const int error = call == DiskCall::write && prng_.chance(1, 2) ? 28 : 5;  // ENOSPC or EIO
    world_.disk().plan({.call = call, .nth = 1 + prng_.below(6), .error = error});
  }

  void finish() {
    world_.disk().on_operation(nullptr);
    world_.disk().clear_faults();
    if (world_.wants_restart()) end_process();
    world_.finish_sync();
    world_.read_all();
    trail(static_cast<std::uint64_t>(world_.log().log_end_offset().value()));
    recover();
    world_.read_all();
    world_.clean_restart();
    world_.read_all();
  }

  void trail(std::uint64_t what) {
    std::byte bytes[8];
    store_be(bytes, what);
    trail_.update(bytes);
    if (world_.is_open()) {
      store_be(bytes, static_cast<std::uint64_t>(world_.log().log_end_offset().value()));
      trail_.update(bytes);
    }
  }

  LogWorld world_;
  Prng prng_;
  const RunOptions options_;
  Xxh3 trail_;
};

}  // namespace

RunOutcome run_log(std::uint64_t seed, const RunOptions& options) {
  return LogRun{seed, options}.run();
}

}  // namespace strandline::sim
