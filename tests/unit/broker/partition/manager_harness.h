// A shard whose partitions follow metadata of the test's making, under a PartitionManager.
//
// Thread   the test's; what belongs to the shard is touched through on_shard()
#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/partition/partition_manager.h"
#include "protocol/base/prng.h"
#include "tests/unit/broker/partition/partition_harness.h"

namespace strandline {

class ManagerHarness : public ShardHarness {
 public:
  explicit ManagerHarness(SimDisk& given, HarnessOptions options = {})
      : ShardHarness(given, std::move(options)) {
    CheckpointReport report;
    checkpoint = Checkpoint::open(disk, report).value();
    manager = std::make_unique<PartitionManager>(shard, disk, *checkpoint, damage);
    register_as(incarnation);
  }
  ~ManagerHarness() { stop(); }

  void register_as(const Uuid& start) {
    REQUIRE(metadata
                .apply(BrokerRegistrationRecord{
                    .broker = BrokerId{1}, .incarnation = start, .broker_epoch = ++registrations})
                .has_value());
  }

  // Gives the shard the image; does not wait until it is served.
  void publish() {
    on_shard([this, image = metadata.publish()] {
      manager->apply(image, [this, image] { applied = image->version; });
    });
  }
  void apply() {
    publish();
    REQUIRE(reaches([this] { return applied == metadata.image().version; }));
  }

  Uuid create(const std::string& name, int partitions = 1) {
    const Uuid id = make_uuid(prng);
    REQUIRE(metadata.apply(TopicRecord{.topic_id = id, .name = name}).has_value());
    for (int i = 0; i < partitions; ++i) place(id, i, {BrokerId{1}}, {BrokerId{1}});
    return id;
  }
  // Led by the first in sync.
  void place(const Uuid& id, int partition, const std::vector<BrokerId>& replicas,
             const std::vector<BrokerId>& isr, int partition_epoch = 0) {
    const PartitionRecord record{.topic_id = id,
                                 .partition = PartitionIndex{partition},
                                 .replicas = replicas,
                                 .isr = isr,
                                 .leader = isr.empty() ? kNoBroker : isr.front(),
                                 .leader_epoch = LeaderEpoch{partition_epoch},
                                 .partition_epoch = partition_epoch};
    REQUIRE(metadata.apply(record).has_value());
  }
  void remove(const Uuid& id) { REQUIRE(metadata.apply(RemoveTopicRecord{id}).has_value()); }

  // On the shard.
  Partition* find(const Uuid& id, int index = 0) {
    return shard.partitions().find({id, PartitionIndex{index}});
  }
  Offset log_end(const Uuid& id) {
    return on_shard([&] { return find(id) ? find(id)->bounds().log_end_offset : kNoOffset; });
  }
  void produce(const Uuid& id) {
    on_shard([&] { REQUIRE(append_to(*find(id), {}).has_value()); });
  }
  bool reaches_synced(const Uuid& id) {
    return reaches([&] {
      const PartitionBounds bounds = find(id)->bounds();
      return bounds.high_watermark == bounds.log_end_offset;
    });
  }
  bool exists(const std::string& path) { return disk.exists(path).value(); }

  Prng prng{3};
  MetadataState metadata{make_uuid(prng)};
  std::unique_ptr<Checkpoint> checkpoint;
  std::unique_ptr<PartitionManager> manager;
  std::uint64_t applied = 0;
  std::int64_t registrations = 0;
};

}  // namespace strandline
