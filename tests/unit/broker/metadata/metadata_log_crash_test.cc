// Crashes at every disk call of a life of the metadata log, snapshots and cuts included.
#include <catch2/catch.hpp>
#include <optional>

#include "tests/unit/broker/metadata/metadata_log_harness.h"

namespace strandline {
namespace {

struct Life {
  int decisions = 0;  // in the image when it opened, then those that were made durable
  bool opened = false;
  bool crashed = false;
};

// One life until the given disk call, or for so many decisions.
Life live_until_crash(SimDisk& disk, int crash_at, int decisions_max) {
  int calls = 0;
  disk.on_operation([&](DiskCall, const std::string&) {
    if (++calls == crash_at) throw CrashNow{};
  });
  Life life;
  try {
    MetadataLife log{disk};
    const auto opened = log.open();
    STRANDLINE_ASSERT(opened.has_value());
    life.opened = true;
    life.decisions = log.decisions();
    while (life.decisions < decisions_max) {
      const auto decided = log.decide();
      STRANDLINE_ASSERT(decided.has_value());
      life.decisions = log.decisions();
    }
  } catch (const CrashNow&) {
    life.crashed = true;
  }
  disk.on_operation(nullptr);
  return life;
}

// What was durable is in the image, and at most the decision under way on top of it.
void check_opens_with(SimDisk& disk, int durable, bool damage_newest) {
  MetadataLife life{disk};
  if (damage_newest && disk.exists(kMetadataDirectory).value() && !life.snapshots().empty()) {
    REQUIRE(disk.flip_bit(life.snapshots().back(), 60, 2, true));
  }
  const auto opened = life.open();
  REQUIRE(opened.has_value());
  REQUIRE(life.decisions() >= durable);
  REQUIRE(life.decisions() <= durable + 1);
  REQUIRE(image_bytes(life.state->image()) == image_after(life.decisions()));
  REQUIRE(life.damage.damages.empty());
}

const CrashModel kModels[] = {CrashModel::power_loss(), CrashModel::power_loss_torn(),
                              CrashModel::power_loss_keeping_names(), CrashModel::process_kill()};

}  // namespace

TEST_CASE("MetadataLog: a crash at any disk call loses no durable decision", "[metadata][crash]") {
  constexpr int kDecisions = 16;  // three snapshots, and two cuts of the log
  int crash_points = 0;
  for (const CrashModel& model : kModels) {
    for (int crash_at = 1;; ++crash_at) {
      SimDisk disk{static_cast<std::uint64_t>(crash_at)};
      const Life life = live_until_crash(disk, crash_at, kDecisions);
      disk.crash(model);
      check_opens_with(disk, life.decisions, false);
      ++crash_points;
      if (!life.crashed) break;
    }
  }
  CHECK(crash_points > 4 * 100);
}

TEST_CASE("MetadataLog: a crash at any disk call and a damaged newest snapshot lose no decision",
          "[metadata][crash]") {
  constexpr int kDecisions = 16;
  for (const CrashModel& model : kModels) {
    for (int crash_at = 1;; ++crash_at) {
      SimDisk disk{static_cast<std::uint64_t>(crash_at)};
      const Life life = live_until_crash(disk, crash_at, kDecisions);
      disk.crash(model);
      check_opens_with(disk, life.decisions, true);
      if (!life.crashed) break;
    }
  }
}

TEST_CASE("MetadataLog: lives that crash one after the other lose no durable decision",
          "[metadata][crash]") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Prng prng{seed};
    SimDisk disk{seed};
    int durable = 0;
    for (int life_number = 0; life_number < 8; ++life_number) {
      const auto crash_at = static_cast<int>(1 + prng.below(120));
      const Life life = live_until_crash(disk, crash_at, durable + 12);
      if (life.opened) {
        REQUIRE(life.decisions >= durable);
        durable = life.decisions;
      }
      disk.crash(kModels[prng.below(4)]);
    }
    check_opens_with(disk, durable, prng.chance(1, 2));
  }
}

}  // namespace strandline
