// Directories of replicas that are not this broker's any more: found, put aside, removed in time.
#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker/partition/partition_directory.h"
#include "broker/partition/stray_keeper.h"
#include "tests/unit/broker/partition/manager_harness.h"

namespace strandline {
namespace {

constexpr BrokerId kOther{2};
constexpr BrokerId kThird{3};

// Topics "a" and "b" with records of an earlier start.
struct Before {
  SimDisk disk{1};
  Uuid a;
  Uuid b;

  Before() {
    ManagerHarness t{disk};
    a = t.create("a");
    b = t.create("b");
    t.apply();
    for (const Uuid& id : {a, b}) {
      t.produce(id);
      REQUIRE(t.reaches_synced(id));
    }
  }
};

// The next start; its topics are those of before.
class After : public ManagerHarness {
 public:
  explicit After(SimDisk& disk) : ManagerHarness(disk, {.incarnation = 2}), keeper(shard, disk) {
    a = create("a");
    b = create("b");
  }
  ~After() { stop(); }

  void keep(std::int64_t ms) {
    REQUIRE(metadata
                .apply(ConfigRecord{.resource = ConfigResource::broker,
                                    .name = "stray.keep.ms",
                                    .value = std::to_string(ms)})
                .has_value());
  }
  bool reaches_stray(const Uuid& id) {
    return reaches([&] { return exists(to_text(id) + ".0-stray"); });
  }
  void start_keeper() {
    on_shard([&] { keeper.start(); });
  }
  // It has looked, and more than once.
  bool sees(std::size_t strays) {
    return reaches([&] { return keeper.strays().size() == strays; });
  }

  StrayKeeper keeper;
  Uuid a;
  Uuid b;
};

TEST_CASE("strays: what a start is not given any more is put aside, and nothing else", "[strays]") {
  Before before;
  After t{before.disk};
  REQUIRE(t.a == before.a);
  SECTION("a deleted topic") { t.remove(t.a); }
  SECTION("a replica that went elsewhere") { t.place(t.a, 0, {kOther}, {kOther}, 1); }
  t.apply();
  REQUIRE(t.reaches_stray(t.a));
  CHECK_FALSE(t.exists("a-0"));
  CHECK(t.exists(to_text(t.a) + ".0-stray/00000000000000000000.log"));
  CHECK(t.log_end(t.b) == Offset{1});
  t.stop();
  CHECK(t.exists("b-0"));
  CHECK_FALSE(t.exists(to_text(t.b) + ".0-stray"));
}

TEST_CASE("strays: an image from before the start tells nothing of them", "[strays]") {
  Before before;
  After t{before.disk};
  t.remove(t.a);
  t.register_as(ShardHarness::uuid_of(1));  // the start before
  t.apply();
  t.on_shard([] {});
  t.on_shard([] {});
  CHECK(t.exists("a-0"));
  t.register_as(t.incarnation);
  t.apply();
  CHECK(t.reaches_stray(t.a));
}

TEST_CASE("strays: a topic made anew under the name has the place, the old records are aside",
          "[strays]") {
  Before before;
  After t{before.disk};
  t.remove(t.a);
  const Uuid fresh = t.create("a");
  t.apply();
  REQUIRE(t.reaches_stray(t.a));
  CHECK(t.exists("a-0"));
  CHECK(t.log_end(fresh) == Offset{0});
}

TEST_CASE("strays: one that comes back begins in a directory of its own", "[strays]") {
  Before before;
  After t{before.disk};
  t.place(t.a, 0, {kOther}, {kOther}, 1);
  t.apply();
  REQUIRE(t.reaches_stray(t.a));
  t.place(t.a, 0, {kOther, BrokerId{1}}, {kOther}, 2);
  t.apply();
  CHECK(t.log_end(t.a) == Offset{0});
  CHECK(t.exists(to_text(t.a) + ".0-stray/00000000000000000000.log"));
}

TEST_CASE("strays: a log that does not open is put aside when its topic is deleted", "[strays]") {
  Before before;
  before.disk.plan({.call = DiskCall::open, .repeat = 1000, .path_part = "a-0/0"});
  After t{before.disk};
  t.apply();
  t.on_shard([&] { REQUIRE(t.shard.partitions().offline().size() == 1); });
  t.remove(t.a);
  t.apply();
  CHECK(t.reaches_stray(t.a));
}

TEST_CASE("strays: a directory list that fails is tried again with the next image", "[strays]") {
  Before before;
  After t{before.disk};
  t.remove(t.a);
  t.register_as(ShardHarness::uuid_of(1));  // nothing is looked for yet
  t.apply();
  before.disk.plan({.call = DiskCall::list, .repeat = 1});
  t.register_as(t.incarnation);
  t.apply();
  REQUIRE(t.reaches([&] {
    t.manager->apply(t.metadata.publish(), [] {});
    return t.exists(to_text(t.a) + ".0-stray");
  }));
}

TEST_CASE("strays: after a recovery by force also what goes while the broker runs is kept",
          "[strays]") {
  Before before;
  After t{before.disk};
  t.keep(kStrayKeptForEver);
  t.apply();
  REQUIRE(t.log_end(t.a) == Offset{1});
  t.remove(t.a);
  t.apply();
  REQUIRE(t.reaches_stray(t.a));
  CHECK(t.exists(to_text(t.a) + ".0-stray/00000000000000000000.log"));
  t.keep(1000);
  t.remove(t.b);
  t.apply();
  t.stop();
  CHECK_FALSE(t.exists("b-0"));
  CHECK_FALSE(t.exists(to_text(t.b) + ".0-stray"));
}

TEST_CASE("StrayKeeper: tells of strays, and removes them when their time is over", "[strays]") {
  Before before;
  After t{before.disk};
  t.remove(t.a);
  t.keep(3'600'000);
  t.apply();
  REQUIRE(t.reaches_stray(t.a));
  t.start_keeper();
  REQUIRE(t.sees(1));
  t.on_shard([&] {
    const StrayDirectory& stray = t.keeper.strays().front();
    CHECK(stray.directory == to_text(t.a) + ".0-stray");
    CHECK(stray.key == PartitionKey{t.a, PartitionIndex{0}});
    CHECK(stray.bytes > 61);
  });
  CHECK(t.exists(to_text(t.a) + ".0-stray"));
}

TEST_CASE("StrayKeeper: removes a stray whose time is over", "[strays]") {
  Before before;
  After t{before.disk};
  t.remove(t.a);
  t.keep(0);
  t.apply();
  REQUIRE(t.reaches_stray(t.a));
  t.start_keeper();
  REQUIRE(t.reaches([&] { return !t.exists(to_text(t.a) + ".0-stray"); }));
  CHECK(t.sees(0));
}

TEST_CASE("StrayKeeper: what may be needed stays beyond its time", "[strays]") {
  Before before;
  After t{before.disk};
  t.keep(0);
  SECTION("the others are not all in sync") { t.place(t.a, 0, {kOther, kThird}, {kOther}, 1); }
  SECTION("nobody leads") { t.place(t.a, 0, {kOther}, {}, 1); }
  t.remove(t.b);
  t.apply();
  REQUIRE(t.reaches_stray(t.a));
  REQUIRE(t.reaches_stray(t.b));
  t.start_keeper();
  REQUIRE(t.reaches([&] { return !t.exists(to_text(t.b) + ".0-stray"); }));
  REQUIRE(t.sees(1));
  CHECK(t.exists(to_text(t.a) + ".0-stray"));
  // All there: now it may.
  t.place(t.a, 0, {kOther}, {kOther}, 2);
  t.apply();
  CHECK(t.reaches([&] { return !t.exists(to_text(t.a) + ".0-stray"); }));
}

TEST_CASE("StrayKeeper: removes nothing by an image that is older than the start", "[strays]") {
  Before before;
  {
    After t{before.disk};
    t.remove(t.a);
    t.apply();
    REQUIRE(t.reaches_stray(t.a));
  }
  ManagerHarness t{before.disk, {.incarnation = 3}};
  StrayKeeper keeper{t.shard, before.disk};
  t.register_as(ShardHarness::uuid_of(2));
  REQUIRE(t.metadata
              .apply(ConfigRecord{
                  .resource = ConfigResource::broker, .name = "stray.keep.ms", .value = "0"})
              .has_value());
  t.apply();
  t.on_shard([&] { keeper.start(); });
  REQUIRE(t.reaches([&] { return keeper.strays().size() == 1; }));
  // Another one is seen by a later look.
  const Uuid other = ShardHarness::uuid_of(9);
  REQUIRE(claim_partition_directory(before.disk, "x-0", other, t.damage).has_value());
  REQUIRE(put_stray_aside(before.disk, "x-0", other).has_value());
  REQUIRE(t.reaches([&] { return keeper.strays().size() == 2; }));
  const std::string stray = t.on_shard([&] { return keeper.strays().front().directory; });
  CHECK(t.exists(stray));
  t.register_as(t.incarnation);
  t.apply();
  CHECK(t.reaches([&] { return !t.exists(stray); }));
  t.stop();
}

TEST_CASE("StrayKeeper: the time of a stray goes on over restarts", "[strays]") {
  SimDisk disk{1};
  NoDamage damage;
  const Uuid id = ShardHarness::uuid_of(9);
  REQUIRE(claim_partition_directory(disk, "a-0", id, damage).has_value());
  REQUIRE(put_stray_aside(disk, "a-0", id).value() == to_text(id) + ".0-stray");
  CHECK(list_strays(disk, Timestamp{1000}).value().at(0).since == Timestamp{1000});
  disk.crash(CrashModel::power_loss());
  CHECK(list_strays(disk, Timestamp{5000}).value().at(0).since == Timestamp{1000});
  // A clock that was ahead does not keep it for ever.
  CHECK(list_strays(disk, Timestamp{900}).value().at(0).since == Timestamp{900});
}

TEST_CASE("strays: two of one partition lie side by side", "[strays]") {
  SimDisk disk{1};
  NoDamage damage;
  const Uuid id = ShardHarness::uuid_of(9);
  for (const char* suffix : {".0-stray", ".0-stray-2", ".0-stray-3"}) {
    REQUIRE(claim_partition_directory(disk, "a-0", id, damage).has_value());
    CHECK(put_stray_aside(disk, "a-0", id).value() == to_text(id) + suffix);
  }
  CHECK(list_strays(disk, Timestamp{1}).value().size() == 3);
  CHECK(find_unknown_directories(disk, {}).value().owned.empty());
  CHECK(put_stray_aside(disk, "a-0", id).value().empty());
}

TEST_CASE("strays: a topic that is named like one is none", "[strays]") {
  SimDisk disk{1};
  NoDamage damage;
  const Uuid id = ShardHarness::uuid_of(9);
  const Uuid owner = ShardHarness::uuid_of(10);
  const std::string directory = partition_directory(to_text(id) + ".0-stray", PartitionIndex{2});
  REQUIRE(claim_partition_directory(disk, directory, owner, damage).has_value());
  CHECK(list_strays(disk, Timestamp{1}).value().empty());
  const UnknownDirectories found = find_unknown_directories(disk, {}).value();
  REQUIRE(found.owned.size() == 1);
  CHECK(found.owned[0].key == PartitionKey{owner, PartitionIndex{2}});
}

TEST_CASE("strays: what is no partition's directory is left alone", "[strays]") {
  SimDisk disk{1};
  for (const char* name : {"__cluster_metadata-0", "lost+found", "backup-01", "notes", "-3"}) {
    REQUIRE(disk.create_directories(name).has_value());
  }
  REQUIRE(disk.create_directories("unknown-3").has_value());
  const UnknownDirectories found = find_unknown_directories(disk, {"known-0"}).value();
  CHECK(found.owned.empty());
  CHECK(found.nameless == std::vector<std::string>{"unknown-3"});
}

TEST_CASE("strays: a removal that a crash interrupted is finished by the next start", "[strays]") {
  SimDisk disk{1};
  NoDamage damage;
  const Uuid id = ShardHarness::uuid_of(9);
  REQUIRE(claim_partition_directory(disk, "a-0", id, damage).has_value());
  const std::string stray = put_stray_aside(disk, "a-0", id).value();
  disk.on_operation([](DiskCall call, const std::string&) {
    if (call == DiskCall::remove_tree) throw CrashNow{};
  });
  CHECK_THROWS_AS(remove_stray(disk, stray), CrashNow);
  disk.on_operation({});
  disk.crash(CrashModel::power_loss());
  CHECK(list_strays(disk, Timestamp{1}).value().empty());
  REQUIRE(remove_doomed_directories(disk).has_value());
  CHECK(disk.list("").value().empty());
}

}  // namespace
}  // namespace strandline
