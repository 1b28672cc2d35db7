// Who may connect to whom, and what is said when one may not.
#include "broker/rpc/handshake.h"

#include "tests/unit/broker/rpc/rpc_harness.h"

namespace strandline {
namespace {

// The hook of a cluster that has these nodes.
std::optional<RpcRefusal> only_nodes_1_and_2(const RpcHello& hello) {
  const RpcIdentity& self = hello.self;
  if (self.node_id.value() < 1 || self.node_id.value() > 2) return refuse_unknown_node(self);
  const Uuid known = identity_of(self.node_id.value()).directory_id;
  if (self.directory_id != known) return refuse_directory(self, known);
  return std::nullopt;
}

TEST_CASE("handshake: both sides learn who the other is", "[rpc]") {
  RpcPair t;
  CHECK(t.client.on_loop([&] { return t.client.peer->channel()->peer(); }) == identity_of(1));
  CHECK(t.server.on_loop([&] { return t.server.links[0]->peer(); }) == identity_of(2));
  CHECK(t.client.metrics.connects.value() == 1);
  CHECK(t.client.metrics.reconnects.value() == 0);
  CHECK(t.client.metrics.peers_up.value() == 1);
  CHECK(t.server.metrics.accepted.value() == 1);
  CHECK(t.server.metrics.connections_open.value() == 1);
}

// A server that knows its members, and a client about to be refused by it.
struct RefusalHarness {
  RefusalHarness() { server.admit = only_nodes_1_and_2; }

  // Whether the server refuses for this, and both sides count it and go on.
  bool is_refused(RefusalReason reason, RpcPeerOptions options = {}) {
    options.refused_wait = milliseconds{1};
    client.connect(server.listen(), std::move(options));
    const auto slot = static_cast<std::size_t>(reason);
    // More than once: what people have mended is noticed.
    return client.reaches([&] { return client.metrics.refused_by_peer[slot].value() >= 2; }) &&
           server.refused(reason) >= 2 && client.ups == 0 &&
           server.on_loop([&] { return server.links.empty(); });
  }

  RpcSide server{1};
  RpcSide client{2};
};

TEST_CASE("handshake: a broker of another cluster is refused", "[rpc]") {
  RefusalHarness t;
  Prng prng{99};
  t.client.context.self.cluster_id = make_uuid(prng);
  CHECK(t.is_refused(RefusalReason::cluster));
}

TEST_CASE("handshake: a wrong address is noticed", "[rpc]") {
  RefusalHarness t;
  CHECK(t.is_refused(RefusalReason::address, {.expected_node = BrokerId{3}}));
}

TEST_CASE("handshake: a broker whose disk was wiped is not the one that was expected", "[rpc]") {
  RefusalHarness t;
  CHECK(t.is_refused(
      RefusalReason::directory,
      {.expected_node = BrokerId{1}, .expected_directory = identity_of(9).directory_id}));
}

TEST_CASE("handshake: a wiped broker cannot come back as if nothing had been", "[rpc]") {
  RefusalHarness t;
  t.client.context.self.directory_id = identity_of(9).directory_id;
  CHECK(t.is_refused(RefusalReason::directory));
}

TEST_CASE("handshake: a stranger is refused", "[rpc]") {
  RefusalHarness t;
  t.client.context.self = identity_of(7);
  CHECK(t.is_refused(RefusalReason::unknown_node));
}

TEST_CASE("handshake: two brokers with one node.id do not talk", "[rpc]") {
  RefusalHarness t;
  t.client.context.self.node_id = BrokerId{1};
  CHECK(t.is_refused(RefusalReason::node_id));
}

TEST_CASE("handshake: brokers too far apart in version do not talk", "[rpc]") {
  RefusalHarness t;
  t.client.context.self.feature_level_min = 4;
  t.client.context.self.feature_level_max = 5;
  CHECK(t.is_refused(RefusalReason::feature_level));
}

TEST_CASE("handshake: the side that connected refuses, too, and says so", "[rpc]") {
  RpcSide server{1};
  RpcSide client{2};
  client.verify = [](const RpcIdentity& peer) -> std::optional<RpcRefusal> {
    return refuse_incarnation(peer);
  };
  client.connect(server.listen(), {.refused_wait = milliseconds{1}});
  const auto slot = static_cast<std::size_t>(RefusalReason::incarnation);
  CHECK(server.reaches([&] { return server.metrics.refused_by_peer[slot].value() >= 2; }));
  CHECK(client.refused(RefusalReason::incarnation) >= 2);
  CHECK(client.on_loop([&] { return client.ups; }) == 0);
  CHECK(server.reaches([&] { return server.last_close == RpcClose::handshake; }));
}

TEST_CASE("handshake: what was mended is noticed without a restart", "[rpc]") {
  RpcSide server{1};
  RpcSide client{7};
  bool registered = false;  // the server loop's
  server.admit = [&](const RpcHello& hello) -> std::optional<RpcRefusal> {
    if (registered) return std::nullopt;
    return refuse_unknown_node(hello.self);
  };
  client.connect(server.listen(), {.refused_wait = milliseconds{1}});
  const auto slot = static_cast<std::size_t>(RefusalReason::unknown_node);
  REQUIRE(client.reaches([&] { return client.metrics.refused_by_peer[slot].value() >= 1; }));
  server.on_loop([&] { registered = true; });
  CHECK(client.comes_up());
}

TEST_CASE("handshake: who is not ready yet is asked again soon", "[rpc]") {
  RpcSide server{1};
  RpcSide client{2};
  int asked = 0;
  server.admit = [&](const RpcHello&) -> std::optional<RpcRefusal> {
    if (++asked > 3) return std::nullopt;
    return refuse_not_ready(identity_of(1));
  };
  // Would it wait as after other refusals, the test would not see the end of it.
  client.connect(server.listen(), {.refused_wait = std::chrono::hours{1}});
  CHECK(client.comes_up());
  CHECK(client.refused_by_peer(RefusalReason::not_ready) == 3);
}

TEST_CASE("handshake: a broker without a cluster may come, if the hook lets it", "[rpc]") {
  RpcSide server{1};
  RpcSide client{7};
  client.context.self.cluster_id = Uuid{};
  client.connect(server.listen());
  CHECK(client.comes_up());
}

// --- the words, and what a broker of this version cannot send

TEST_CASE("handshake: versions must meet, and the highest of both is taken", "[rpc]") {
  RpcHello hello{.protocol_min = 1, .protocol_max = 40, .self = identity_of(2)};
  CHECK_FALSE(check_hello(hello, identity_of(1)));
  CHECK(common_protocol(hello) == kRpcProtocolMax);
  hello.protocol_min = kRpcProtocolMax + 1;
  const auto refusal = check_hello(hello, identity_of(1));
  REQUIRE(refusal);
  CHECK(refusal->reason == RefusalReason::protocol);
  const RpcHelloReply reply{.self = identity_of(1), .protocol = kRpcProtocolMax + 1};
  CHECK(check_hello_reply(reply, {.self = identity_of(2)})->reason == RefusalReason::protocol);
}

TEST_CASE("handshake: the side that connected checks the same of an answer", "[rpc]") {
  const RpcHello hello{.self = identity_of(2),
                       .expected_node = BrokerId{1},
                       .expected_directory = identity_of(1).directory_id};
  RpcHelloReply reply{.self = identity_of(1), .protocol = 1};
  CHECK_FALSE(check_hello_reply(reply, hello));
  reply.self = identity_of(3);
  CHECK(check_hello_reply(reply, hello)->reason == RefusalReason::address);
  reply.self = identity_of(1);
  reply.self.directory_id = identity_of(3).directory_id;
  CHECK(check_hello_reply(reply, hello)->reason == RefusalReason::directory);
  reply.self = identity_of(1);
  reply.self.cluster_id = identity_of(3).directory_id;
  CHECK(check_hello_reply(reply, hello)->reason == RefusalReason::cluster);
}

TEST_CASE("handshake: a refusal names both sides and says what to do", "[rpc]") {
  const RpcHello hello{.self = identity_of(2), .expected_node = BrokerId{5}};
  CHECK(check_hello(hello, identity_of(1))->text ==
        "node 5 was expected at this address, here is node 1: correct the address of one of them");
  const Uuid known = identity_of(9).directory_id;
  const std::string text = refuse_directory(identity_of(2), known).text;
  CHECK(text.find(to_text(known)) != std::string::npos);
  CHECK(text.find(to_text(identity_of(2).directory_id)) != std::string::npos);
}

}  // namespace
}  // namespace strandline
