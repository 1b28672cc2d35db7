// Brokers of one process that replicate a partition over real connections, with images made by
// hand: what the controller would decide, the test does.
//
// Thread   the test's
#pragma once

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "broker/partition/follower_role.h"
#include "broker/partition/leader_role.h"
#include "broker/partition/partition_manager.h"
#include "broker/partition/replica_links.h"
#include "broker/partition/scrubber.h"
#include "storage/checkpoint/checkpoint.h"
#include "tests/unit/broker/partition/partition_harness.h"

namespace strandline {

inline RpcIdentity identity_of(int node, const Uuid& incarnation) {
  return {.cluster_id = ShardHarness::uuid_of(1000),
          .node_id = BrokerId{node},
          .directory_id = ShardHarness::uuid_of(2000 + static_cast<std::uint64_t>(node)),
          .incarnation = incarnation};
}

// What a broker keeps on its disk from one start to the next.
struct BrokerDisk {
  explicit BrokerDisk(int node) : disk(static_cast<std::uint64_t>(node)) {}

  void open_checkpoint() {
    CheckpointReport report;
    checkpoint = Checkpoint::open(disk, report).value();
  }

  SimDisk disk;
  std::unique_ptr<Checkpoint> checkpoint;
};

// One start of a broker with one shard.
class TestBroker : public ShardHarness {
 public:
  TestBroker(int node, std::uint64_t start, BrokerDisk& kept,
             std::function<void(Shard&, IsrRequest)> propose_isr)
      : ShardHarness(kept.disk,
                     {.node = node,
                      .incarnation = start,
                      .checkpoint = kept.checkpoint.get(),
                      .propose_isr = std::move(propose_isr),
                      .report_damage = [this](Shard&, const PartitionKey&) { ++damage_reports; }}),
        control_context{.loop = thread.loop,
                        .buffers = buffers,
                        .budget = budget,
                        .metrics = control_metrics,
                        .self = identity_of(node, incarnation),
                        .limits = {}},
        links(shard, buffers, budget, identity_of(node, incarnation)),
        manager(shard, disk, *kept.checkpoint, damage),
        scrubber(shard, scrub_line) {
    scrub_line.set_rate(steady_now(), 0);
    port = on_shard([this] {
      control = std::make_unique<RpcServer>(
          control_context, control_handlers, RpcServerOptions{.lanes = 2},
          RpcServer::Hooks{.hand_over = [this](int native_handle, const RpcHello& hello) {
            links.adopt(native_handle, hello);
          }});
      return control->listen("127.0.0.1", 0).value().port();
    });
  }
  // As kill -9: nothing is synced or written down.
  ~TestBroker() {
    on_shard([this] {
      links.stop();
      control.reset();
    });
    stop();
  }

  bool apply(const std::shared_ptr<const MetadataImage>& image) {
    on_shard([this, image] { manager.apply(image, [this, image] { applied = image->version; }); });
    return reaches([this, image] { return applied == image->version; });
  }

  // On the shard.
  Partition* find(const PartitionKey& place) { return shard.partitions().find(place); }
  PartitionBounds bounds(const PartitionKey& place) {
    return on_shard([&] { return find(place)->bounds(); });
  }

  RpcMetrics control_metrics;
  RpcContext control_context;
  RpcHandlers control_handlers;
  std::unique_ptr<RpcServer> control;
  ReplicaLinks links;
  PartitionManager manager;
  ReplicationThrottle scrub_line;  // nothing passes, until a test says so
  Scrubber scrubber;
  std::atomic<int> damage_reports{0};
  std::uint64_t applied = 0;
  std::uint16_t port = 0;
};

// Brokers 1 to n, and one topic "t" with one partition that all of them have.
class ReplicationHarness {
 public:
  explicit ReplicationHarness(int brokers, ConfigMap configs = {}) {
    REQUIRE(metadata.apply(TopicRecord{.topic_id = place.topic_id, .name = "t"}).has_value());
    for (const auto& [key, value] : configs) {
      REQUIRE(metadata
                  .apply(ConfigRecord{.resource = ConfigResource::topic,
                                      .resource_name = "t",
                                      .name = key,
                                      .value = value})
                  .has_value());
    }
    for (int node = 1; node <= brokers; ++node) {
      disks.emplace(node, node);
      replicas.push_back(BrokerId{node});
    }
    for (int node = 1; node <= brokers; ++node) start(node);
  }
  ~ReplicationHarness() { running.clear(); }
  ReplicationHarness(const ReplicationHarness&) = delete;
  ReplicationHarness& operator=(const ReplicationHarness&) = delete;

  void start(int node) {
    BrokerDisk& kept = disks.at(node);
    kept.open_checkpoint();
    const std::uint64_t number = ++starts;
    auto broker = std::make_unique<TestBroker>(
        node, number, kept, [this](Shard&, IsrRequest request) { note(std::move(request)); });
    REQUIRE(metadata
                .apply(BrokerRegistrationRecord{.broker = BrokerId{node},
                                                .incarnation = broker->incarnation,
                                                .broker_epoch = static_cast<std::int64_t>(number),
                                                .rpc = HostPort{"127.0.0.1", broker->port}})
                .has_value());
    running[node] = std::move(broker);
  }
  // The process ends; what it wrote stays in the page cache.
  void kill(int node) {
    running.erase(node);
    disks.at(node).checkpoint.reset();
    disks.at(node).disk.crash(CrashModel::process_kill());
  }

  // What the controller decides; known to brokers once it is shown.
  void decide(int leader, int leader_epoch, const std::vector<int>& isr) {
    PartitionRecord record{.topic_id = place.topic_id,
                           .partition = place.partition,
                           .replicas = replicas,
                           .leader = BrokerId{leader},
                           .leader_epoch = LeaderEpoch{leader_epoch},
                           .partition_epoch = partition_epoch() + 1};
    for (const int node : isr) record.isr.push_back(BrokerId{node});
    REQUIRE(metadata.apply(record).has_value());
  }
  void show(const std::vector<int>& nodes) {
    const auto image = metadata.publish();
    for (const int node : nodes) REQUIRE(running.at(node)->apply(image));
  }

  TestBroker& operator[](int node) { return *running.at(node); }

  // Produces on a broker with acks=all; returns where the answer will be.
  std::size_t produce(int node, int batches = 1, const TestBatch& wanted = {}) {
    const std::size_t first = acks.size();
    TestBroker& broker = (*this)[node];
    broker.on_shard([&] {
      Partition& partition = *broker.find(place);
      for (int i = 0; i < batches; ++i) {
        Ack* const ack = &acks.emplace_back();
        const auto appended = append_to(partition, wanted);
        REQUIRE(appended.has_value());
        partition.when_committed(appended.value().end_offset,
                                 [ack](const ErrorCode& error) { *ack = {true, error}; });
      }
    });
    return first;
  }
  bool is_acked(int node, std::size_t first, std::size_t count = 1) {
    return (*this)[node].reaches([&] {
      for (std::size_t i = first; i < first + count; ++i) {
        if (!ack_at(i).came || ack_at(i).error) return false;
      }
      return true;
    });
  }
  // Whether the log of a broker gets to this end, readable up to there.
  bool reaches_end(int node, std::int64_t end) {
    TestBroker& broker = (*this)[node];
    return broker.reaches([&] {
      const Partition* partition = broker.find(place);
      if (partition == nullptr) return false;
      const PartitionBounds bounds = partition->bounds();
      return bounds.log_end_offset == Offset{end} && bounds.high_watermark == Offset{end};
    });
  }

  // The bytes of all segments of a broker's log.
  std::string log_of(int node) {
    SimDisk& disk = disks.at(node).disk;
    std::string all;
    const std::vector<std::string> names = disk.list("t-0").value();
    for (const std::string& name : names) {
      if (!name.ends_with(".log")) continue;
      const auto file = disk.open("t-0/" + name, OpenMode::read).value();
      std::vector<std::byte> bytes(file->size().value());
      REQUIRE(file->read_at(0, bytes).value() == bytes.size());
      all += name + ":";
      all += as_text(bytes);
    }
    return all;
  }

  // The members of the newest proposal, if one was made with the present partition epoch.
  std::optional<std::vector<int>> proposed() {
    const std::lock_guard lock{mutex};
    if (proposals.empty()) return std::nullopt;
    std::vector<int> members;
    const IsrProposal& proposal = proposals.back();
    if (proposal.expected.value() != partition_epoch()) return std::nullopt;
    for (const IsrMember& member : proposal.members) members.push_back(member.replica.value());
    return members;
  }
  bool proposes(int node, const std::vector<int>& isr) {
    return (*this)[node].reaches([&] { return proposed() == isr; });
  }

  // As the controller has it; -1 before the first decision.
  std::int32_t partition_epoch() const {
    const PartitionImage* const now = metadata.image().partition("t", place.partition);
    return now == nullptr ? -1 : now->partition_epoch;
  }

  struct Ack {
    bool came = false;
    ErrorCode error;
  };
  Ack& ack_at(std::size_t index) {
    return *std::next(acks.begin(), static_cast<std::ptrdiff_t>(index));
  }

  const PartitionKey place{ShardHarness::uuid_of(77), PartitionIndex{0}};
  MetadataState metadata{ShardHarness::uuid_of(1000)};
  std::vector<BrokerId> replicas;
  std::map<int, BrokerDisk> disks;
  std::map<int, std::unique_ptr<TestBroker>> running;
  std::uint64_t starts = 0;
  std::list<Ack> acks;

 private:
  void note(IsrRequest request) {
    const std::lock_guard lock{mutex};
    proposals.push_back(std::move(request.proposal));
  }

  std::mutex mutex;
  std::vector<IsrProposal> proposals;
};

}  // namespace strandline
