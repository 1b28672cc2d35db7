// A quorum of one: what a lone broker does with its metadata.
#include "broker/metadata/metadata_node.h"

#include <catch2/catch.hpp>
#include <cerrno>

#include "tests/unit/broker/metadata/metadata_node_harness.h"

namespace strandline {
namespace {

// A node, its loop and its network.
struct Alone {
  explicit Alone(SimDisk& disk, std::uint64_t snapshot_bytes = MetadataLife::kSnapshotBytes)
      : node(thread, disk, network, {.id = 1, .snapshot_bytes = snapshot_bytes}, kDiskSlot) {}

  LoopThread thread;
  NodeNetwork network;
  NodeHarness node;
};

}  // namespace

TEST_CASE("MetadataNode: alone it leads at once, and a restart finds all it decided",
          "[metadata]") {
  SimDisk disk{1};
  {
    Alone t{disk};
    REQUIRE(t.node.becomes_controller());
    for (int i = 1; i <= 40; ++i) CHECK_FALSE(t.node.decide(i));
    CHECK(t.node.shown_decisions() == 40);
    CHECK(t.node.failures == 0);
  }
  disk.crash(CrashModel::power_loss());
  Alone t{disk};
  REQUIRE(t.node.becomes_controller());
  REQUIRE(t.thread.reaches([&] { return t.node.shown->next_producer_id == ProducerId{40}; }));
  CHECK(t.thread.run([&] { return t.node.node->quorum().epoch(); }) == LeaderEpoch{2});
}

TEST_CASE("MetadataNode: a log that grows is cut behind snapshots", "[metadata]") {
  SimDisk disk{1};
  Alone t{disk};
  REQUIRE(t.node.becomes_controller());
  for (int i = 1; i <= 60; ++i) CHECK_FALSE(t.node.decide(i));
  REQUIRE(t.thread.reaches([&] { return t.node.node->quorum().log().start() > Offset{100}; }));
  MetadataLife looking{disk};
  CHECK(looking.snapshots().size() <= 2);
}

TEST_CASE("MetadataNode: no image is shown that is not durable", "[metadata]") {
  SimDisk disk{1};
  Alone t{disk};
  REQUIRE(t.node.becomes_controller());
  for (int i = 1; i <= 3; ++i) CHECK_FALSE(t.node.decide(i));
  disk.plan({.call = DiskCall::sync, .path_part = ".log"});
  t.thread.run([&] {
    t.node.node->decide([](Controller&) { return decision_records(4); }, [](const ErrorCode&) {});
  });
  REQUIRE(t.thread.reaches([&] { return t.node.failures == 1; }));
  CHECK(t.node.shown_decisions() == 3);
}

TEST_CASE("MetadataNode: on a full disk decisions wait for room", "[metadata]") {
  SimDisk disk{1};
  Alone t{disk};
  REQUIRE(t.node.becomes_controller());
  CHECK_FALSE(t.node.decide(1));
  disk.plan({.call = DiskCall::write, .repeat = 1000, .error = ENOSPC, .path_part = ".log"});
  std::optional<ErrorCode> answer;
  t.thread.run([&] {
    t.node.node->decide([](Controller&) { return decision_records(2); },
                        [&](const ErrorCode& error) { answer = error; });
  });
  REQUIRE(t.thread.reaches([&] { return t.node.node->is_out_of_room(); }));
  CHECK(t.node.shown_decisions() == 1);
  disk.clear_faults();
  REQUIRE(t.thread.reaches([&] { return answer.has_value(); }));
  CHECK_FALSE(*answer);
  CHECK(t.node.shown_decisions() == 2);
  CHECK(t.node.failures == 0);
}

TEST_CASE("MetadataNode: the controller hears of a full disk before it decides", "[metadata]") {
  SimDisk disk{1};
  Alone t{disk};
  REQUIRE(t.node.becomes_controller());
  const auto create = [&](const std::string& name) {
    return t.thread.run([&] {
      Errc outcome = Errc::ok;
      t.node.node->decide(
          [&](Controller& controller) {
            const auto decision = controller.create_topics(
                std::vector<NewTopic>{{.name = name, .assignments = {{0, {BrokerId{1}}}}}}, false);
            outcome = decision.items.at(0).outcome.code;
            return std::vector<MetadataRecord>{};
          },
          [](const ErrorCode&) {});
      return outcome;
    });
  };
  t.node.disk_full = true;
  CHECK(create("a") == Errc::kafka_storage_error);
  t.node.disk_full = false;
  CHECK(create("a") != Errc::kafka_storage_error);
}

TEST_CASE("MetadataNode: a full disk costs a snapshot and nothing else", "[metadata]") {
  SimDisk disk{1};
  Alone t{disk};
  REQUIRE(t.node.becomes_controller());
  disk.plan({.call = DiskCall::write, .repeat = 1000, .error = ENOSPC, .path_part = ".image"});
  for (int i = 1; i <= 30; ++i) CHECK_FALSE(t.node.decide(i));
  CHECK(t.thread.run([&] { return t.node.node->quorum().log().start(); }) == Offset{0});
  CHECK(t.node.failures == 0);
}

TEST_CASE("MetadataNode: a failed sync of a snapshot ends the broker", "[metadata]") {
  SimDisk disk{1};
  Alone t{disk};
  REQUIRE(t.node.becomes_controller());
  disk.plan({.call = DiskCall::sync, .path_part = ".image"});
  for (int i = 1; i <= 8; ++i) {
    t.thread.run([&] {
      t.node.node->decide([i](Controller&) { return decision_records(i); },
                          [](const ErrorCode&) {});
    });
  }
  REQUIRE(t.thread.reaches([&] { return t.node.failures == 1; }));
}

TEST_CASE("MetadataNode: a tail that is torn is cut, and the lone voter leads on", "[metadata]") {
  SimDisk disk{1};
  {
    Alone t{disk, 1 << 20};
    REQUIRE(t.node.becomes_controller());
    for (int i = 1; i <= 5; ++i) CHECK_FALSE(t.node.decide(i));
  }
  const auto file =
      disk.open("__cluster_metadata-0/00000000000000000000.log", OpenMode::read_write);
  REQUIRE(file.has_value());
  const std::vector<std::byte> torn(40, std::byte{7});
  REQUIRE(file.value()->write_at(file.value()->size().value(), torn).has_value());
  Alone t{disk, 1 << 20};
  REQUIRE(t.node.becomes_controller());
  REQUIRE(t.thread.reaches([&] { return t.node.shown->next_producer_id == ProducerId{5}; }));
  CHECK_FALSE(t.node.decide(6));
  CHECK(t.thread.run([&] { return t.node.node->quorum().is_uncertain(); }) == false);
}

}  // namespace strandline
