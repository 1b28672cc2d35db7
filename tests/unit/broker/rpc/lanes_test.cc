// One loop listens, and connections that are meant for another one get there.
#include "tests/unit/broker/rpc/rpc_harness.h"

namespace strandline {
namespace {

// A broker of two loops: the first listens, the second is its only shard.
struct LaneHarness {
  LaneHarness() {
    shard.listen_as({.lane = kFirstShardLane, .lanes = 2});
    control.hand_over = [this](int native_handle, const RpcHello& hello) {
      handed_over.push_back(hello);
      shard.post([this, native_handle, hello] { shard.server->adopt(native_handle, hello); });
    };
    port = control.listen(0, {.lanes = 2});
  }

  RpcSide shard{1};
  RpcSide control{1, patient(), std::uint64_t{1} << 30, kOtherLoopSlot};
  std::vector<RpcHello> handed_over;  // the control loop's
  std::uint16_t port = 0;
  RpcSide client{2};
};

TEST_CASE("lanes: a connection is served by the loop that it is for", "[rpc]") {
  LaneHarness t;
  t.client.connect(t.port, {.lane = kFirstShardLane});
  REQUIRE(t.client.comes_up());
  CHECK(t.client.ask_and_wait(kEcho, "hello", {"batch"}).message == "hello");
  CHECK(t.shard.metrics.requests_served.value() == 1);
  CHECK(t.shard.metrics.connections_open.value() == 1);
  CHECK(t.control.metrics.requests_served.value() == 0);
  CHECK(t.control.metrics.connections_open.value() == 0);
  CHECK(t.control.on_loop([&] { return t.control.server->size(); }) == 0);
  const RpcHello hello = t.control.on_loop([&] { return t.handed_over.at(0); });
  CHECK(hello.lane == kFirstShardLane);
  CHECK(hello.self == identity_of(2));
}

TEST_CASE("lanes: the control loop serves what names none", "[rpc]") {
  LaneHarness t;
  t.client.connect(t.port);
  REQUIRE(t.client.comes_up());
  CHECK(t.client.ask_and_wait(kEcho, "hello").message == "hello");
  CHECK(t.control.metrics.requests_served.value() == 1);
}

TEST_CASE("lanes: one that there is not is refused with words, and asked for again", "[rpc]") {
  LaneHarness t;
  t.client.connect(t.port, {.lane = 2, .refused_wait = milliseconds{1}});
  CHECK(t.client.reaches([&] { return t.client.refused_by_peer(RefusalReason::lane) >= 2; }));
  CHECK(t.control.refused(RefusalReason::lane) >= 1);
  CHECK(t.client.ups == 0);
}

TEST_CASE("lanes: whether a broker may come in is for the loop it comes to", "[rpc]") {
  LaneHarness t;
  t.client.connect(
      t.port,
      {.expected_node = BrokerId{9}, .lane = kFirstShardLane, .refused_wait = milliseconds{1}});
  CHECK(t.client.reaches([&] { return t.client.refused_by_peer(RefusalReason::address) >= 1; }));
  CHECK(t.shard.refused(RefusalReason::address) >= 1);
  CHECK(t.control.refused(RefusalReason::address) == 0);
}

TEST_CASE("lanes: who says more before the answer is no broker", "[rpc]") {
  LaneHarness t;
  TestSocket socket = TestSocket::connect(t.port);
  const std::string hello = hello_frame({.self = identity_of(2), .lane = kFirstShardLane});
  REQUIRE(socket.send(hello + hello));
  CHECK(t.control.closed_for(RpcClose::malformed));
  CHECK(t.control.on_loop([&] { return t.handed_over.empty(); }));
}

}  // namespace
}  // namespace strandline
