// One shard with its threads over a disk of the test's choice, and one partition on it.
//
// Thread   the test's; what belongs to the shard is touched through on_shard()
#pragma once

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/net/buffer_pool.h"
#include "broker/partition/partition.h"
#include "broker/partition/replica_services.h"
#include "broker/partition/shard.h"
#include "protocol/base/assertion.h"
#include "protocol/base/prng.h"
#include "protocol/record/builder.h"
#include "storage/io/sim_disk.h"
#include "tests/unit/broker/loop_thread.h"

namespace strandline {

class NoDamage final : public DamageReporter {
 public:
  void damaged(const Damage& damage) override { last = damage.file; }
  void cut(const std::string&, std::uint64_t, std::uint64_t, const std::string&) override {}
  void rebuilt(const std::string&, const std::string&) override {}

  std::string last;
};

// Holds calls of one kind up, in the thread that makes them, until it is opened.
class DiskGate {
 public:
  DiskGate(SimDisk& disk, DiskCall held) : disk_(disk) {
    disk.on_operation([this, held](DiskCall call, const std::string&) {
      if (call != held) return;
      std::unique_lock lock{mutex_};
      ++arrived_;
      ++inside_;
      changed_.notify_all();
      changed_.wait(lock, [this] { return open_; });
      --inside_;
      changed_.notify_all();
    });
  }
  ~DiskGate() {
    open();
    disk_.on_operation({});
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return inside_ == 0; });
  }
  DiskGate(const DiskGate&) = delete;
  DiskGate& operator=(const DiskGate&) = delete;

  void open() {
    const std::lock_guard lock{mutex_};
    open_ = true;
    changed_.notify_all();
  }
  void wait_for_first() {
    std::unique_lock lock{mutex_};
    REQUIRE(changed_.wait_for(lock, std::chrono::seconds{20}, [this] { return arrived_ > 0; }));
  }

 private:
  SimDisk& disk_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int arrived_ = 0;
  int inside_ = 0;
};

// What a test may give its shard beside a disk.
struct HarnessOptions {
  int node = 1;
  std::uint64_t incarnation = 1;
  Checkpoint* checkpoint = nullptr;
  std::function<void(Shard&, IsrRequest)> propose_isr;
  std::function<void(Shard&, const PartitionKey&)> report_damage;
  std::function<void(Shard&, const PartitionKey&)> report_stall;
  std::function<void(Shard&, const PartitionKey&)> report_opened;
};

class ShardHarness {
 public:
  explicit ShardHarness(Disk& given, HarnessOptions options = {})
      : disk(given),
        incarnation(uuid_of(options.incarnation)),
        shard(0, {.loop = thread.loop,
                  .metrics = metrics,
                  .disk_pool = disk_pool,
                  .sync_pool = sync_pool,
                  .idle_pool = idle_pool,
                  .refuses_writes = refuses_writes,
                  .refuses_changes = refuses_changes,
                  .settings = settings,
                  .disk = disk,
                  .on_disk_failure = [this] { ++disk_failures; },
                  .checkpoint = options.checkpoint,
                  .incarnation = incarnation,
                  .propose_isr = std::move(options.propose_isr),
                  .report_damage = std::move(options.report_damage),
                  .report_stall = std::move(options.report_stall),
                  .report_opened = std::move(options.report_opened)}) {
    settings.node_id = options.node;
    shard.set_peers({&shard});
  }
  ~ShardHarness() { stop(); }
  ShardHarness(const ShardHarness&) = delete;
  ShardHarness& operator=(const ShardHarness&) = delete;

  // As the broker does: workers first, so that the loop hears what they have to say.
  void stop() {
    disk_pool.stop();
    sync_pool.stop();
    idle_pool.stop();
    thread.loop.stop_and_join();
  }

  template <class Work>
  auto on_shard(Work work) {
    return thread.run(std::move(work));
  }
  template <class Condition>
  bool reaches(Condition condition) {
    return thread.reaches(std::move(condition));
  }

  // As if a round of the checkpointer had come to its end.
  void is_checkpointed() {
    on_shard([this] {
      for (Task& task : shard.take_after_checkpoint()) task();
    });
  }

  static Uuid uuid_of(std::uint64_t seed) {
    Prng prng{seed};
    return make_uuid(prng);
  }

  Disk& disk;
  const Uuid incarnation;
  Settings settings;
  ShardMetrics metrics;
  MemoryBudget budget{1 << 30};
  BufferPool buffers{budget};
  std::atomic<bool> refuses_writes{false};
  std::atomic<bool> refuses_changes{false};
  std::atomic<int> disk_failures{0};
  NoDamage damage;
  LoopThread thread;
  WorkerPool disk_pool{"disk", 2, kDiskSlot};
  WorkerPool sync_pool{"sync", 2, kSyncSlot};
  WorkerPool idle_pool{"idle", 1, kIdleSlot, WorkerPool::Priority::idle};
  Shard shard;
};

struct TestBatch {
  int records = 1;
  std::size_t value_bytes = 10;
  ProducerId producer = kNoProducerId;
  int sequence = 0;
};

inline std::vector<std::byte> make_batch(const TestBatch& wanted) {
  BatchBuilder builder;
  const std::string value(wanted.value_bytes, 'v');
  for (int i = 0; i < wanted.records; ++i) {
    builder.append({.value = as_bytes(value), .timestamp = Timestamp{1000 + i}});
  }
  BatchOptions options;
  if (wanted.producer != kNoProducerId) {
    options.producer_id = wanted.producer;
    options.producer_epoch = ProducerEpoch{0};
    options.base_sequence = Sequence{wanted.sequence};
  }
  Compressor compressor;
  std::vector<std::byte> bytes;
  builder.build(options, compressor, bytes);
  return bytes;
}

// On the shard; written at once.
inline Result<PartitionAppend> append_to(Partition& partition, const TestBatch& wanted) {
  std::vector<std::byte> bytes = make_batch(wanted);
  const auto header = parse_batch(bytes);
  if (!header) return header.error();
  std::optional<Result<PartitionAppend>> outcome;
  partition.append(bytes, header.value(),
                   [&outcome](const Result<PartitionAppend>& appended) { outcome = appended; });
  (void)partition.write_staged();
  STRANDLINE_ASSERT(outcome.has_value());
  return *outcome;
}

// Batches on their way into a partition, as requests hold them. On the shard.
class StagedBatches {
 public:
  void send(Partition& partition, const TestBatch& wanted) {
    std::vector<std::byte>& bytes = bytes_.emplace_back(make_batch(wanted));
    partition.append(bytes, parse_batch(bytes).value(),
                     [this](const Result<PartitionAppend>& appended) {
                       if (appended && then) then(appended.value());
                       outcomes.push_back(appended);
                     });
  }

  std::vector<Result<PartitionAppend>> outcomes;  // in the order in which they came
  std::function<void(const PartitionAppend&)> then;

 private:
  std::list<std::vector<std::byte>> bytes_;
};

// Of a partition that one broker leads and nobody follows.
inline PartitionView sole_replica() {
  return {.leader = BrokerId{1},
          .leader_epoch = LeaderEpoch{0},
          .replicas = {BrokerId{1}},
          .isr = {.partition_epoch = PartitionEpoch{0}, .members = {BrokerId{1}}},
          .incarnation = Incarnation{1}};
}

class PartitionHarness : public ShardHarness {
 public:
  explicit PartitionHarness(Disk& given, const TopicConfig& config = {},
                            const PartitionView& view = sole_replica(), HarnessOptions options = {})
      : ShardHarness(given, std::move(options)) {
    REQUIRE(disk.create_directories("t-0").has_value());
    auto log = PartitionLog::open(disk, "t-0", log_config(config, settings), RecoveryPoint{},
                                  wall_now(), damage);
    REQUIRE(log.has_value());
    on_shard([&] {
      partition = std::make_shared<Partition>(
          shard, "t", key, std::make_shared<const TopicConfig>(config), std::move(log).value());
      shard.partitions().insert(key, partition);
      partition->set_view(view);
    });
  }
  ~PartitionHarness() { stop(); }

  struct Ack {
    bool came = false;
    ErrorCode error;
    Offset high_watermark = kNoOffset;  // at that moment
  };

  // Appends on the shard's thread, as a produce with acks=all; the answer is in `acks` later.
  Result<PartitionAppend> produce(const TestBatch& wanted = {}) {
    auto appended = append_to(*partition, wanted);
    if (!appended) return appended;
    const std::size_t index = acks.size();
    acks.emplace_back();
    partition->when_committed(appended.value().end_offset, [this, index](const ErrorCode& error) {
      acks[index] = {true, error, partition->bounds().high_watermark};
    });
    return appended;
  }

  std::size_t acks_come() const {
    return static_cast<std::size_t>(
        std::count_if(acks.begin(), acks.end(), [](const Ack& ack) { return ack.came; }));
  }
  bool reaches_acks(std::size_t count) {
    return reaches([this, count] { return acks_come() == count; });
  }

  PartitionKey key{Uuid{}, PartitionIndex{0}};
  std::shared_ptr<Partition> partition;
  std::vector<Ack> acks;
};

}  // namespace strandline
