// Several nodes: joining, voting, following, taking over.
#include <catch2/catch.hpp>

#include "tests/unit/broker/metadata/metadata_node_harness.h"

namespace strandline {
namespace {

// A founder and two that joined, all three voters.
class Three {
 public:
  explicit Three(std::uint64_t snapshot_bytes = MetadataLife::kSnapshotBytes)
      : snapshot_bytes_(snapshot_bytes) {}

  void start(int id) {
    nodes[id] = std::make_unique<NodeHarness>(
        thread, *disks.at(id), network,
        NodeHarness::Options{.id = id, .joined = id != 1, .snapshot_bytes = snapshot_bytes_},
        SenderSlot{static_cast<std::size_t>(id)});
  }
  void stop(int id) { nodes[id].reset(); }

  NodeHarness& node(int id) { return *nodes[id]; }

  // The one that decides; -1: none.
  int controller() {
    for (const auto& [id, node] : nodes) {
      if (node != nullptr && node->node->is_controller()) return id;
    }
    return -1;
  }
  int await_controller() {
    REQUIRE(thread.reaches([&] { return controller() > 0; }));
    return thread.run([&] { return controller(); });
  }

  ErrorCode add_voter(int id) {
    NodeHarness& leader = node(await_controller());
    const auto answer = std::make_shared<std::optional<ErrorCode>>();
    const auto ask = [&] {
      answer->reset();
      const VoterSet& voters = leader.node->quorum().voters();
      leader.node->change_voters(record_of(voters.with({node(id).key, node(id).address()}), 3),
                                 [answer](const ErrorCode& error) { *answer = error; });
    };
    thread.run(ask);
    // Until it has caught up.
    REQUIRE(thread.reaches([&] {
      if (*answer && **answer) ask();
      return *answer && !**answer;
    }));
    return **answer;
  }

  void found() {
    start(1);
    REQUIRE(node(1).becomes_controller());
    start(2);
    start(3);
    CHECK_FALSE(add_voter(2));
    CHECK_FALSE(add_voter(3));
  }

  bool all_show(int decisions) {
    return thread.reaches([&] {
      for (const auto& [id, node] : nodes) {
        if (node == nullptr) continue;
        if (node->shown->next_producer_id != ProducerId{decisions}) return false;
      }
      return true;
    });
  }

  LoopThread thread;
  std::map<int, std::unique_ptr<SimDisk>> disks = make_disks();
  NodeNetwork network;
  std::map<int, std::unique_ptr<NodeHarness>> nodes;

 private:
  static std::map<int, std::unique_ptr<SimDisk>> make_disks() {
    std::map<int, std::unique_ptr<SimDisk>> disks;
    for (int id = 1; id <= 3; ++id) {
      disks[id] = std::make_unique<SimDisk>(static_cast<std::uint64_t>(id));
    }
    return disks;
  }

  std::uint64_t snapshot_bytes_;
};

}  // namespace

TEST_CASE("MetadataNode: brokers that join follow, and become voters", "[metadata][quorum]") {
  Three t;
  t.found();
  for (int i = 1; i <= 5; ++i) CHECK_FALSE(t.node(1).decide(i));
  CHECK(t.all_show(5));
  CHECK(t.thread.run([&] { return t.node(3).node->quorum().voters().size(); }) == 3);
  CHECK(t.node(2).decide(6) == make_error_code(Errc::not_controller));
}

TEST_CASE("MetadataNode: when the leader is gone another takes over with all that was decided",
          "[metadata][quorum]") {
  Three t;
  t.found();
  for (int i = 1; i <= 5; ++i) CHECK_FALSE(t.node(1).decide(i));
  t.stop(1);
  t.disks.at(1)->crash(CrashModel::power_loss());
  const int next = t.await_controller();
  CHECK(next != 1);
  CHECK_FALSE(t.node(next).decide(6));
  t.start(1);
  CHECK(t.all_show(6));
}

TEST_CASE("MetadataNode: a leader that is cut off decides nothing that holds",
          "[metadata][quorum]") {
  Three t;
  t.found();
  CHECK_FALSE(t.node(1).decide(1));
  std::optional<ErrorCode> answer;
  t.thread.run([&] {
    t.network.cut_off.insert(BrokerId{1});
    t.node(1).node->decide([](Controller&) { return decision_records(2); },
                           [&](const ErrorCode& error) { answer = error; });
  });
  REQUIRE(t.thread.reaches([&] { return answer.has_value(); }));
  CHECK(*answer == make_error_code(Errc::request_timed_out));
  REQUIRE(t.thread.reaches([&] { return t.controller() > 1; }));
  const int next = t.await_controller();
  CHECK_FALSE(t.node(next).decide(2));
  CHECK_FALSE(t.node(next).decide(3));
  t.thread.run([&] { t.network.cut_off.clear(); });
  CHECK(t.all_show(3));
}

TEST_CASE("MetadataNode: one that was away for long is sent a snapshot", "[metadata][quorum]") {
  Three t;
  t.found();
  CHECK_FALSE(t.node(1).decide(1));
  CHECK(t.all_show(1));
  t.stop(3);
  for (int i = 2; i <= 60; ++i) CHECK_FALSE(t.node(1).decide(i));
  REQUIRE(t.thread.reaches([&] { return t.node(1).node->quorum().log().start() > Offset{100}; }));
  t.start(3);
  CHECK(t.all_show(60));
  CHECK(t.thread.run([&] { return t.node(3).node->quorum().log().start(); }) > Offset{100});
  // And it finds it on its own disk.
  t.stop(3);
  t.disks.at(3)->crash(CrashModel::power_loss());
  t.start(3);
  CHECK_FALSE(t.node(1).decide(61));
  CHECK(t.all_show(61));
}

TEST_CASE("MetadataNode: all of them lose power and go on", "[metadata][quorum]") {
  Three t;
  t.found();
  for (int i = 1; i <= 10; ++i) CHECK_FALSE(t.node(t.await_controller()).decide(i));
  for (int id = 1; id <= 3; ++id) {
    t.stop(id);
    t.disks.at(id)->crash(CrashModel::power_loss_torn());
  }
  for (int id = 1; id <= 3; ++id) t.start(id);
  CHECK_FALSE(t.node(t.await_controller()).decide(11));
  CHECK(t.all_show(11));
}

}  // namespace strandline
