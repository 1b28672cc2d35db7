#include "broker/partition/checkpointer.h"

#include <catch2/catch.hpp>
#include <memory>

#include "tests/unit/broker/partition/partition_harness.h"

namespace strandline {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;

class CheckpointerHarness : public PartitionHarness {
 public:
  // Rounds begin by bytes alone unless the settings say otherwise.
  CheckpointerHarness(SimDisk& given, const TopicConfig& config, std::int64_t interval_ms = kHourMs)
      : PartitionHarness(given, config) {
    settings.checkpoint_interval_ms = interval_ms;
    settings.log_retention_check_interval_ms = kHourMs;
    settings.checkpoint_interval_bytes = 100'000;
    CheckpointReport report;
    checkpoint = Checkpoint::open(disk, report).value();
    on_shard([&] {
      checkpointer = std::make_unique<Checkpointer>(shard, *checkpoint, disk);
      checkpointer->start();
    });
  }
  ~CheckpointerHarness() { stop(); }

  void append(std::size_t bytes) {
    on_shard([&] { REQUIRE(produce({.value_bytes = bytes}).has_value()); });
  }
  Offset checkpointed() {
    const auto found = checkpoint->find(key);
    return found ? found->flushed_end : Offset{0};
  }

  std::unique_ptr<Checkpoint> checkpoint;
  std::unique_ptr<Checkpointer> checkpointer;
};

TEST_CASE("Checkpointer: the checkpoint joins the sync after checkpoint.interval.bytes",
          "[checkpoint]") {
  SimDisk disk{1};
  CheckpointerHarness t{disk, TopicConfig{}};
  for (int i = 1; i <= 9; ++i) {
    t.append(10'000);
    REQUIRE(t.reaches_acks(static_cast<std::size_t>(i)));
  }
  CHECK(t.on_shard([&] { return t.checkpointed(); }) == Offset{0});
  t.append(20'000);
  REQUIRE(t.reaches([&] { return t.checkpointed() == Offset{10}; }));
  // Then the count begins anew.
  t.append(20'000);
  REQUIRE(t.reaches_acks(11));
  CHECK(t.on_shard([&] { return t.checkpointed(); }) == Offset{10});
}

TEST_CASE("Checkpointer: damage that is met when a sealed segment gets its digest is told of",
          "[checkpoint]") {
  SimDisk disk{1};
  TopicConfig config;
  config.segment_bytes = 4096;
  CheckpointerHarness t{disk, config};
  std::atomic<int> told{0};
  t.on_shard([&] {
    t.shard.when_damage_is_found([&](const PartitionKey& key) { told += key == t.key ? 1 : 100; });
  });
  t.append(10'000);
  t.append(10'000);
  REQUIRE(t.reaches_acks(2));
  REQUIRE(disk.flip_bit("t-0/00000000000000000000.log", 5000, 3, true));
  for (int i = 0; i < 10; ++i) t.append(10'000);
  CHECK(t.reaches([&] { return told == 1; }));
}

TEST_CASE("Checkpointer: unsynced bytes are bounded over all partitions, also those that rest",
          "[checkpoint]") {
  SimDisk disk{1};
  TopicConfig config;
  config.flush_on_ack = false;
  CheckpointerHarness t{disk, config, 1};
  t.settings.disk_dirty_max_bytes = 40'000;
  const PartitionKey other{Uuid{}, PartitionIndex{1}};
  REQUIRE(disk.create_directories("t-1").has_value());
  auto log = PartitionLog::open(disk, "t-1", log_config(config, t.settings), RecoveryPoint{},
                                wall_now(), t.damage);
  REQUIRE(log.has_value());
  t.on_shard([&] {
    auto partition = std::make_shared<Partition>(
        t.shard, "t", other, std::make_shared<const TopicConfig>(config), std::move(log).value());
    partition->set_view(sole_replica());
    REQUIRE(append_to(*partition, {.value_bytes = 15'000}).has_value());
    t.shard.partitions().insert(other, std::move(partition));
    (void)t.shard.take_dirty();  // as after its last round
  });
  t.append(15'000);
  REQUIRE(t.reaches([&] { return t.metrics.unsynced_bytes.value() == 0; }));
  CHECK(t.on_shard([&] { return t.shard.partitions().find(other)->log().flushed_end(); }) ==
        Offset{1});
}

}  // namespace
}  // namespace strandline
