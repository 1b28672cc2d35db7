#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <string>
#include <thread>

#include "broker/partition/partition_directory.h"
#include "tests/unit/broker/partition/manager_harness.h"

namespace strandline {
namespace {

TEST_CASE("PartitionManager: topics that come and go leave nothing behind in a shard's memory",
          "[partition_manager]") {
  SimDisk disk{1};
  ManagerHarness t{disk};
  const Uuid stays = t.create("stays");
  for (int i = 0; i < 20; ++i) {
    const Uuid id = t.create("t" + std::to_string(i));
    t.apply();
    t.remove(id);
    t.apply();
  }
  t.on_shard([&] {
    CHECK(t.shard.configs_cached() == 1);
    CHECK(t.shard.topic_config(*t.shard.image()->topic(stays)) != nullptr);
    CHECK(t.shard.configs_cached() == 1);
  });
}

TEST_CASE("PartitionManager: the image is shown once its partitions are open",
          "[partition_manager]") {
  SimDisk disk{1};
  ManagerHarness t{disk};
  const Uuid id = t.create("t", 3);
  DiskGate opens{disk, DiskCall::open};
  t.publish();
  opens.wait_for_first();
  CHECK(t.on_shard([&] { return t.shard.image() == nullptr; }));
  opens.open();
  REQUIRE(t.reaches([&] { return t.applied == t.metadata.image().version; }));
  t.on_shard([&] {
    REQUIRE(t.shard.image() != nullptr);
    for (int i = 0; i < 3; ++i) CHECK(t.find(id, i) != nullptr);
    CHECK(t.shard.partitions().offline().empty());
  });
}

TEST_CASE("PartitionManager: a deleted topic's records and checkpoint go with it",
          "[partition_manager]") {
  SimDisk disk{1};
  ManagerHarness t{disk};
  const Uuid id = t.create("t");
  const Uuid other = t.create("other");
  t.apply();
  t.produce(id);
  REQUIRE(t.reaches_synced(id));
  t.checkpoint->put({id, PartitionIndex{0}}, PartitionCheckpoint{});
  t.remove(id);
  t.apply();
  CHECK(t.log_end(id) == kNoOffset);
  CHECK(t.log_end(other) == Offset{0});
  t.stop();  // the removal is behind the image
  CHECK_FALSE(t.exists("t-0"));
  CHECK(t.exists("other-0"));
  CHECK_FALSE(t.checkpoint->find({id, PartitionIndex{0}}).has_value());
  CHECK(t.disk_failures == 0);
}

TEST_CASE("PartitionManager: a topic made anew under the same name is empty",
          "[partition_manager]") {
  SimDisk disk{1};
  ManagerHarness t{disk};
  const Uuid old = t.create("t");
  t.apply();
  t.produce(old);
  REQUIRE(t.reaches_synced(old));
  t.remove(old);
  Uuid fresh;
  SECTION("in a later image") {
    t.apply();
    fresh = t.create("t");
  }
  SECTION("in the same image") { fresh = t.create("t"); }
  t.apply();
  CHECK(t.log_end(old) == kNoOffset);
  CHECK(t.log_end(fresh) == Offset{0});
  t.produce(fresh);
  REQUIRE(t.reaches_synced(fresh));
  t.stop();
  // Whichever came first, nothing is left of the old one.
  CHECK(t.exists("t-0"));
  const auto names = disk.list("").value();
  CHECK(std::count_if(names.begin(), names.end(),
                      [](const std::string& name) { return name.ends_with('/'); }) == 1);
  CHECK(t.disk_failures == 0);
}

TEST_CASE("PartitionManager: deleting a topic in the middle of its sync is no disk failure",
          "[partition_manager]") {
  SimDisk disk{1};
  ManagerHarness t{disk};
  const Uuid id = t.create("t");
  t.apply();
  {
    DiskGate syncs{disk, DiskCall::sync};
    t.produce(id);
    syncs.wait_for_first();
    t.remove(id);
    t.apply();
    // On another disk thread the directory goes, under the sync.
    REQUIRE(t.reaches([&] { return !t.exists("t-0"); }));
  }
  t.stop();
  CHECK(t.disk_failures == 0);
}

TEST_CASE("PartitionManager: a log that does not open is offline, all others are served",
          "[partition_manager]") {
  SimDisk disk{1};
  ManagerHarness t{disk};
  const Uuid bad = t.create("bad");
  const Uuid good = t.create("good");
  disk.plan({.call = DiskCall::open, .repeat = 1000, .path_part = "bad-0/"});
  t.apply();
  t.on_shard([&] {
    const PartitionKey key{bad, PartitionIndex{0}};
    CHECK(t.find(bad) == nullptr);
    CHECK(t.find(good) != nullptr);
    CHECK(t.shard.partitions().absent_error(key) == Errc::kafka_storage_error);
    CHECK(t.shard.partitions().absent_error({good, PartitionIndex{9}}) ==
          Errc::not_leader_or_follower);
  });
  // Deleting it takes it off the books as well.
  t.remove(bad);
  t.apply();
  t.on_shard([&] { CHECK(t.shard.partitions().offline().empty()); });
}

TEST_CASE("PartitionManager: a log that the disk refused to open is opened later",
          "[partition_manager]") {
  SimDisk disk{1};
  ManagerHarness t{disk};
  const Uuid id = t.create("late");
  disk.plan({.call = DiskCall::sync_directory, .path_part = "late-0"});
  t.apply();
  t.on_shard([&] { CHECK(t.shard.partitions().offline().contains({id, PartitionIndex{0}})); });
  REQUIRE(t.reaches([&] { return t.find(id) != nullptr && t.find(id)->leads(); }));
  t.on_shard([&] { CHECK(t.shard.partitions().offline().empty()); });
  t.produce(id);
  CHECK(t.reaches_synced(id));
}

TEST_CASE("PartitionManager: the controller is told of a log that it waits for, until it knows",
          "[partition_manager]") {
  SimDisk disk{1};
  std::atomic<int> told = 0;
  ManagerHarness t{disk, {.report_opened = [&told](Shard&, const PartitionKey&) { ++told; }}};
  const Uuid id = t.create("late");
  const auto waits_for_it = [&](bool waits) {
    PartitionImage image = *t.metadata.image().partition("late", PartitionIndex{0});
    ++image.partition_epoch;
    image.isr.clear();
    image.leader = kNoBroker;
    image.elr = {BrokerId{1}};
    image.cut.clear();
    if (waits) image.cut.push_back({BrokerId{1}, std::nullopt});
    REQUIRE(t.metadata.apply(record_of(id, PartitionIndex{0}, image)).has_value());
    t.apply();
  };
  SECTION("it opens after that is shown") {
    disk.plan({.call = DiskCall::sync_directory, .path_part = "late-0"});
    waits_for_it(true);
    CHECK(told == 0);
  }
  SECTION("it opens before") {
    t.apply();
    t.register_as(make_uuid(t.prng));
    waits_for_it(true);  // in another start of this broker
    CHECK(told == 0);
    t.register_as(t.incarnation);
    waits_for_it(true);
  }
  REQUIRE(t.reaches([&] { return told > 0; }));
  REQUIRE(t.reaches([&] { return told > 1; }));  // as long as nothing comes of it
  waits_for_it(false);
  const int before = told;
  std::this_thread::sleep_for(std::chrono::milliseconds{2200});  // when it would be told again
  CHECK(told == before);
}

TEST_CASE("PartitionManager: only what this broker has a replica of is opened here",
          "[partition_manager]") {
  SimDisk disk{1};
  ManagerHarness t{disk};
  const Uuid ours = t.create("ours");
  const Uuid theirs = make_uuid(t.prng);
  REQUIRE(t.metadata.apply(TopicRecord{.topic_id = theirs, .name = "theirs"}).has_value());
  REQUIRE(t.metadata
              .apply(PartitionRecord{.topic_id = theirs,
                                     .partition = PartitionIndex{0},
                                     .replicas = {BrokerId{2}},
                                     .isr = {BrokerId{2}},
                                     .leader = BrokerId{2},
                                     .leader_epoch = LeaderEpoch{0}})
              .has_value());
  t.apply();
  t.on_shard([&] {
    CHECK(t.find(ours) != nullptr);
    CHECK(t.find(theirs) == nullptr);
    CHECK(t.shard.partitions().offline().empty());
  });
  CHECK_FALSE(t.exists("theirs-0"));
}

TEST_CASE("PartitionManager: it tells what opening the logs has found", "[partition_manager]") {
  SimDisk disk{1};
  Uuid cut;
  {
    ManagerHarness t{disk};
    cut = t.create("cut");
    t.create("bad");
    t.apply();
    for (int i = 0; i < 3; ++i) t.produce(cut);
    REQUIRE(t.reaches_synced(cut));
    CHECK(t.manager->findings().cut.empty());
    CHECK(t.manager->findings().damaged.empty());
  }
  disk.crash(CrashModel::process_kill());
  {
    const auto file = disk.open("cut-0/00000000000000000000.log", OpenMode::read_write).value();
    REQUIRE(file->truncate(file->size().value() - 1).has_value());
  }
  disk.plan({.call = DiskCall::open, .repeat = 1000, .path_part = "bad-0/"});
  ManagerHarness t{disk};
  REQUIRE(t.create("cut") == cut);  // the same seed
  const Uuid bad = t.create("bad");
  t.apply();
  const ReplicaFindings found = t.on_shard([&] { return t.manager->findings(); });
  REQUIRE(found.cut.size() == 1);
  CHECK(found.cut[0] == ReplicaFindings::Cut{{cut, PartitionIndex{0}}, LeaderEpoch{0}, Offset{2}});
  CHECK(found.damaged == std::vector{PartitionKey{bad, PartitionIndex{0}}});
  CHECK(found.unopened == found.damaged);
}

TEST_CASE("PartitionManager: what was acknowledged is there after a power loss",
          "[partition_manager]") {
  SimDisk disk{1};
  Uuid id;
  {
    ManagerHarness t{disk};
    id = t.create("t");
    t.apply();
    for (int i = 0; i < 5; ++i) t.produce(id);
    REQUIRE(t.reaches_synced(id));
  }
  disk.crash(CrashModel::power_loss());
  ManagerHarness t{disk};
  REQUIRE(t.create("t") == id);  // the same seed
  t.apply();
  CHECK(t.log_end(id) == Offset{5});
}

}  // namespace
}  // namespace strandline
