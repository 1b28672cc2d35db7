// Members of a metadata quorum on one loop: each with a simulated disk and a worker of its own, and
// a network between them that takes every message through its bytes, and can be cut.
//
// Thread   the test's; nodes are touched on the loop
#pragma once

#include <atomic>
#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/metadata/metadata_node.h"
#include "protocol/base/assertion.h"
#include "replication/quorum/quorum_codec.h"
#include "tests/unit/broker/loop_thread.h"
#include "tests/unit/broker/metadata/metadata_log_harness.h"

namespace strandline {

class NodeHarness;

// What connects the nodes of a test.
struct NodeNetwork {
  std::map<BrokerId, NodeHarness*> nodes;
  std::set<BrokerId> cut_off;
  bool connects(BrokerId a, BrokerId b) const {
    return !cut_off.contains(a) && !cut_off.contains(b);
  }
};

class NodeHarness {
 public:
  struct Options {
    int id = 1;
    bool joined = false;
    std::uint64_t snapshot_bytes = MetadataLife::kSnapshotBytes;
  };

  NodeHarness(LoopThread& given_thread, SimDisk& given_disk, NodeNetwork& given_network,
              Options options, SenderSlot worker_slot)
      : thread(given_thread),
        disk(given_disk),
        network(given_network),
        worker("metadata", 1, worker_slot) {
    Prng ids{static_cast<std::uint64_t>(options.id) + 100};
    key = {BrokerId{options.id}, make_uuid(ids)};
    CheckpointReport report;
    checkpoint = Checkpoint::open(disk, report).value();
    MetadataStart start{.quorum = {.vote = {}, .log = QuorumLog{{}, {}}, .incarnation = 0},
                        .snapshot = {}};
    auto log = MetadataLog::open(
        disk, *checkpoint,
        {.cluster_id = metadata_cluster(), .self = key, .rpc = address(), .joined = options.joined},
        wall_now(), damage, {.snapshot_bytes_min = options.snapshot_bytes}, start);
    REQUIRE(log.has_value());
    network.nodes[key.node] = this;
    thread.run([&] {
      node = std::make_unique<MetadataNode>(
          thread.loop, worker, disk, std::move(log).value(), std::move(start),
          MetadataNode::Config{.quorum = {.self = key,
                                          .election_timeout = std::chrono::milliseconds{150},
                                          .election_spread = std::chrono::milliseconds{150},
                                          .heartbeat_interval = std::chrono::milliseconds{30}},
                               .controller = {.self = key.node},
                               .cluster_id = metadata_cluster(),
                               .seed = static_cast<std::uint64_t>(options.id)},
          hooks());
      node->start();
    });
  }

  // As the broker does: the worker first, so that the loop hears what it has to say.
  ~NodeHarness() {
    worker.stop();
    thread.run([&] {
      network.nodes.erase(key.node);
      node.reset();
    });
  }
  NodeHarness(const NodeHarness&) = delete;
  NodeHarness& operator=(const NodeHarness&) = delete;

  HostPort address() const {
    return {"127.0.0.1", static_cast<std::uint16_t>(9000 + key.node.value())};
  }

  // Makes the decision of that number and waits for its answer.
  ErrorCode decide(int decision) {
    std::optional<ErrorCode> answer;
    thread.run([&] {
      node->decide([decision](Controller&) { return decision_records(decision); },
                   [&](const ErrorCode& error) { answer = error; });
    });
    REQUIRE(thread.reaches([&] { return answer.has_value(); }));
    return *answer;
  }

  bool becomes_controller() {
    return thread.reaches([&] { return node->is_controller(); });
  }
  int shown_decisions() {
    return thread.run([&] { return static_cast<int>(shown->next_producer_id.value()); });
  }

  LoopThread& thread;
  SimDisk& disk;
  NodeNetwork& network;
  NotedDamage damage;
  WorkerPool worker;
  ReplicaKey key;
  std::unique_ptr<Checkpoint> checkpoint;
  std::unique_ptr<MetadataNode> node;
  std::shared_ptr<const MetadataImage> shown;
  int failures = 0;
  bool disk_full = false;
  std::vector<Offset> flushed_when_shown;

 private:
  void deliver(BrokerId to, const QuorumMessage& message) {
    const auto found = network.nodes.find(to);
    if (found == network.nodes.end() || !network.connects(key.node, to)) return;
    const QuorumFrame frame = encode_quorum_message(metadata_cluster(), message);
    std::vector<ByteView> attachments;
    for (const auto& bytes : frame.attachments) attachments.emplace_back(*bytes);
    const auto received = decode_quorum_message(as_bytes(frame.message), attachments);
    STRANDLINE_ASSERT(received.has_value());
    // Not by `this`: its sender may be gone when a message arrives.
    thread.loop.post([&network = network, from = key.node, to, copy = received.value().message] {
      const auto target = network.nodes.find(to);
      const bool is_there = target != network.nodes.end() && target->second->node != nullptr;
      if (is_there && network.connects(from, to)) target->second->node->receive(copy);
    });
  }

  MetadataNode::Hooks hooks() {
    return {
        .send = [this](const ReplicaKey& to,
                       const QuorumMessage& message) { deliver(to.node, message); },
        .find_leader =
            [this](const FollowRequest& request) {
              for (const auto& [id, other] : network.nodes) {
                if (id != key.node) deliver(id, request);
              }
            },
        .ask_leader = [this](const Voter& leader,
                             const FollowRequest& request) { deliver(leader.key.node, request); },
        .show =
            [this](std::shared_ptr<const MetadataImage> image, std::function<void()> done) {
              shown = std::move(image);
              thread.loop.post([done = std::move(done)] { done(); });
            },
        .disk_full = [this] { return disk_full; },
        .gained_control = [] {},
        .lost_control = [] {},
        .leader_changed = [] {},
        .committed = [] {},
        .failed = [this](const ErrorCode&) { ++failures; }};
  }
};

}  // namespace strandline
