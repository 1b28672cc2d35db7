#include "broker/server/disk_guard.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "tests/unit/broker/partition/partition_harness.h"

namespace strandline {
namespace {

constexpr std::uint64_t kCapacity = 10'000;

class GuardHarness : public ShardHarness {
 public:
  explicit GuardHarness(SimDisk& given) : ShardHarness(given), sim(given) {
    sim.set_capacity(kCapacity);
    settings.disk_watermark_refuse_bytes = 4000;
    settings.disk_watermark_stop_bytes = 1000;
    settings.disk_ballast_bytes = 500;
    guard = std::make_unique<DiskGuard>(shard, sim, refuses_writes, refuses_changes);
  }

  // Leaves so much free space on the disk, but for the ballast.
  void leave(std::uint64_t free_bytes) {
    auto file = sim.open("filler", OpenMode::create_or_open).value();
    REQUIRE(file->truncate(0).has_value());
    REQUIRE(file->truncate(kCapacity - sim.used_bytes() - free_bytes).has_value());
  }
  void look_with(std::uint64_t free_bytes) {
    leave(free_bytes);
    guard->look_now();
  }
  bool has_ballast() { return sim.exists("ballast").value(); }

  SimDisk& sim;
  std::unique_ptr<DiskGuard> guard;
};

}  // namespace

TEST_CASE("DiskGuard: produce is refused at the first mark, changes at the second", "[disk]") {
  SimDisk disk{1};
  GuardHarness t{disk};
  t.look_with(5000);
  CHECK_FALSE(t.refuses_writes);
  CHECK_FALSE(t.refuses_changes);
  t.look_with(3000);
  CHECK(t.refuses_writes);
  CHECK_FALSE(t.refuses_changes);
  t.look_with(900);
  CHECK(t.refuses_writes);
  CHECK(t.refuses_changes);
  t.look_with(5000);
  CHECK_FALSE(t.refuses_writes);
  CHECK_FALSE(t.refuses_changes);
}

TEST_CASE("DiskGuard: the ballast is given up at the second mark and kept again with room",
          "[disk]") {
  SimDisk disk{1};
  GuardHarness t{disk};
  t.look_with(5000);
  CHECK(t.has_ballast());
  t.look_with(3000);
  CHECK(t.has_ballast());
  t.look_with(900);
  CHECK_FALSE(t.has_ballast());
  t.look_with(4200);  // not enough for the mark and the ballast
  CHECK_FALSE(t.has_ballast());
  t.look_with(5000);
  CHECK(t.has_ballast());
}

TEST_CASE("DiskGuard: the ballast of an earlier run is given up by a start on a full disk",
          "[disk]") {
  SimDisk disk{1};
  {
    GuardHarness t{disk};
    t.look_with(5000);
    REQUIRE(t.has_ballast());
  }
  GuardHarness t{disk};
  t.leave(900);
  t.guard->make_room_to_start();
  CHECK_FALSE(t.has_ballast());
  t.look_with(900);
  CHECK(t.refuses_changes);
}

}  // namespace strandline
