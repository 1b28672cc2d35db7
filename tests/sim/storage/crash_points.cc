#include "tests/sim/storage/crash_points.h"

#include <array>

namespace strandline::sim {
namespace {

constexpr std::array<std::pair<const char*, CrashModel>, 4> kModels{{
    {"power loss", CrashModel::power_loss()},
    {"power loss, names kept", CrashModel::power_loss_keeping_names()},
    {"torn power loss", CrashModel::power_loss_torn()},
    {"process kill", CrashModel::process_kill()},
}};

// Calls that change something: ending before a look is the same as ending before the next change.
bool changes_disk(DiskCall call) {
  switch (call) {
    case DiskCall::open:
    case DiskCall::write:
    case DiskCall::sync:
    case DiskCall::truncate:
    case DiskCall::create_directories:
    case DiskCall::rename:
    case DiskCall::remove:
    case DiskCall::remove_tree:
    case DiskCall::sync_directory: return true;
    default: return false;
  }
}

void fill(LogWorld& world, int batches) {
  for (int i = 0; i < batches; ++i) {
    world.pass_time(500);
    world.append(i % 3);
    if (i % 4 == 3) world.sync();
  }
}

// Ends the process in `act` at its `point`-th change; false when there are fewer.
bool run_until(LogWorld& world, const CrashScenario& scenario, std::uint64_t point) {
  std::uint64_t calls = 0;
  world.disk().on_operation([&calls, point](DiskCall call, const std::string&) {
    if (changes_disk(call) && ++calls == point) throw CrashNow{};
  });
  bool ended = false;
  try {
    scenario.act(world);
  } catch (const CrashNow&) {
    ended = true;
  }
  world.disk().on_operation(nullptr);
  return ended;
}

// True while there are more points.
bool meet_point(const CrashScenario& scenario, std::uint64_t seed, std::uint64_t point,
                const CrashModel& model) {
  LogWorld world{seed, {}};
  world.open();
  scenario.prepare(world);
  const bool ended = run_until(world, scenario, point);
  world.crash(model);
  world.open();
  world.read_all();
  // What was recovered must be good to go on with, and survive the next loss as well.
  fill(world, 6);
  world.sync();
  world.crash(CrashModel::power_loss());
  world.open();
  world.read_all();
  return ended;
}

}  // namespace

std::vector<CrashScenario> crash_scenarios() {
  const auto nothing = [](LogWorld&) {};
  const auto some = [](LogWorld& w) { fill(w, 20), w.checkpoint(); };
  const auto unsynced = [](LogWorld& w) { fill(w, 20), w.checkpoint(), fill(w, 3); };
  return {
      {"first start and append", nothing, [](LogWorld& w) { fill(w, 5); }},
      {"append and sync", some, [](LogWorld& w) { fill(w, 9); }},
      {"roll", some, [](LogWorld& w) { fill(w, 60); }},
      {"checkpoint", some,
       [](LogWorld& w) {
         for (int i = 0; i < 12; ++i) fill(w, 1), w.sync(), w.checkpoint();
       }},
      {"index files", unsynced, [](LogWorld& w) { w.write_indexes(), fill(w, 4), w.sync(); }},
      {"producer snapshot", unsynced,
       [](LogWorld& w) { w.producer_snapshot(), fill(w, 4), w.sync(), w.producer_snapshot(); }},
      {"delete records", some,
       [](LogWorld& w) { w.delete_records(), w.checkpoint(), w.remove_dropped_files(); }},
      {"retention", [](LogWorld& w) { fill(w, 80), w.checkpoint(), w.pass_time(90'000); },
       [](LogWorld& w) {
         w.apply_retention(), w.sync(), w.checkpoint(), w.remove_dropped_files();
       }},
      {"truncation", unsynced, [](LogWorld& w) { w.truncate(), fill(w, 3), w.sync(); }},
      {"clean end and start", unsynced, [](LogWorld& w) { w.clean_restart(); }},
      {"recovery after a kill", unsynced,
       [](LogWorld& w) { w.crash(CrashModel::process_kill()), w.open(); }},
      {"recovery after a torn power loss", unsynced,
       [](LogWorld& w) { w.crash(CrashModel::power_loss_torn()), w.open(); }},
  };
}

CrashPointResult enumerate_crash_points(const CrashScenario& scenario, std::uint64_t seeds) {
  CrashPointResult result;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    for (const auto& [model_name, model] : kModels) {
      for (std::uint64_t point = 1;; ++point) {
        bool more = false;
        ++result.runs;
        try {
          more = meet_point(scenario, seed, point, model);
        } catch (const Violation& violation) {
          result.violations.push_back(scenario.name + ", " + model_name + " at change " +
                                      std::to_string(point) + ", seed " + std::to_string(seed) +
                                      ": " + violation.what);
          more = result.violations.size() < 10;
        }
        if (!more) break;
        ++result.points;
      }
    }
  }
  return result;
}

}  // namespace strandline::sim
