// Connections that no broker opened, while brokers go on with their work.
#include "tests/unit/broker/rpc/rpc_harness.h"

namespace strandline {
namespace {

std::string garbage(Prng& prng, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(prng.below(256));
  return bytes;
}

TEST_CASE("RpcServer: a thousand connections of garbage change nothing for brokers", "[rpc]") {
  RpcPair t;
  Prng prng{3};
  for (int round = 0; round < 10; ++round) {
    std::vector<TestSocket> strangers;
    for (int i = 0; i < 100; ++i) {
      strangers.push_back(TestSocket::connect(t.port));
      // The server may have ended it before all is sent. A first byte above 4 is a length that no
      // frame has; else the version is one that no broker speaks.
      std::string bytes = garbage(prng, 1 + prng.below(300));
      if (bytes.size() > 4 && bytes[4] == '\1') bytes[4] = '\2';
      strangers.back().send(bytes);
      strangers.back().close_sending();
    }
    CHECK(t.client.ask_and_wait(kEcho, "meanwhile").message == "meanwhile");
    for (TestSocket& stranger : strangers) CHECK(stranger.sees_end());
  }
  CHECK(t.server.reaches([&] { return t.server.server->size() == 1; }));
  CHECK(t.server.metrics.accepted.value() == 1001);
  CHECK(t.client.downs == 0);
  CHECK(t.server.reaches([&] { return t.server.budget.used() == 0; }));
}

TEST_CASE("RpcServer: half a greeting is not waited for beyond its time", "[rpc]") {
  RpcLimits limits = patient();
  limits.handshake_max = milliseconds{100};
  RpcSide server{1, limits};
  const std::uint16_t port = server.listen();
  const std::string hello = hello_frame({.self = identity_of(2)});
  std::vector<TestSocket> halves;
  for (std::size_t size = 0; size < hello.size(); size += 7) {
    halves.push_back(TestSocket::connect(port));
    REQUIRE(halves.back().send(hello.substr(0, size)));
  }
  for (TestSocket& half : halves) CHECK(half.sees_end());
  CHECK(server.closed_for(RpcClose::handshake, halves.size()));
  CHECK(server.reaches([&] { return server.budget.used() == 0; }));
}

TEST_CASE("RpcServer: a greeting that comes byte by byte is welcome", "[rpc]") {
  RpcSide server{1};
  TestSocket client = TestSocket::connect(server.listen());
  for (const char byte : hello_frame({.self = identity_of(2)})) {
    REQUIRE(client.send({&byte, 1}));
  }
  CHECK(server.reaches([&] { return server.links.size() == 1; }));
}

TEST_CASE("RpcServer: a frame that ends in the middle breaks its connection", "[rpc]") {
  RpcSide server{1};
  const std::uint16_t port = server.listen();
  {
    TestSocket client = TestSocket::connect(port);
    REQUIRE(client.send(hello_frame({.self = identity_of(2)})));
    REQUIRE(server.reaches([&] { return server.links.size() == 1; }));
    const std::string note = frame_of({.kind = rpc::FrameKind::one_way, .method = kNote}, "whole");
    REQUIRE(client.send(note + note.substr(0, note.size() - 1)));
    client.close_sending();
    CHECK(client.sees_end());
  }
  CHECK(server.reaches([&] { return server.last_close == RpcClose::broken; }));
  CHECK(server.on_loop([&] { return server.notes; }) == std::vector<std::string>{"whole"});
}

TEST_CASE("RpcServer: nothing but a greeting is taken before the greeting", "[rpc]") {
  RpcSide server{1};
  const std::uint16_t port = server.listen();
  for (const std::string& first :
       {frame_of({.kind = rpc::FrameKind::request, .method = kEcho, .request_id = 1}, ""),
        frame_of({.kind = rpc::FrameKind::one_way, .method = kNote}, "note"),
        frame_of({.kind = rpc::FrameKind::ping, .request_id = 1}, ""),
        frame_of({.kind = rpc::FrameKind::hello}, "\x0f no hello"),
        frame_of({.kind = rpc::FrameKind::hello}, std::string(5000, 'x'))}) {
    TestSocket client = TestSocket::connect(port);
    client.send(first);
    CHECK(client.receive(1).empty());
  }
  CHECK(server.closed_for(RpcClose::malformed, 5));
  CHECK(server.metrics.requests_served.value() == 0);
  CHECK(server.on_loop([&] { return server.notes.empty(); }));
}

TEST_CASE("RpcServer: what no client may send ends the connection", "[rpc]") {
  RpcSide server{1};
  TestSocket client = TestSocket::connect(server.listen());
  const auto bad =
      GENERATE(hello_frame({.self = identity_of(2)}),
               frame_of({.kind = rpc::FrameKind::response, .method = kEcho, .request_id = 1}, ""),
               frame_of({.kind = rpc::FrameKind::hello_reply},
                        encode_rpc_hello_reply({.self = identity_of(2), .protocol = 1})));
  REQUIRE(client.send(hello_frame({.self = identity_of(2)}) + bad));
  CHECK(client.sees_end());
  CHECK(server.closed_for(RpcClose::malformed));
}

TEST_CASE("RpcServer: strangers that say nothing make room for brokers, the oldest first",
          "[rpc]") {
  RpcSide server{1};
  const std::uint16_t port = server.listen(0, {.greeting_max = 8});
  std::vector<TestSocket> silent;
  for (int i = 0; i < 20; ++i) silent.push_back(TestSocket::connect(port));
  REQUIRE(server.reaches([&] { return server.metrics.accepted.value() == 20; }));
  CHECK(server.on_loop([&] { return server.server->size(); }) == 8);
  for (std::size_t i = 0; i < 12; ++i) CHECK(silent[i].sees_end());
  RpcSide client{2};
  client.connect(port);
  CHECK(client.comes_up());
  CHECK(server.reaches([&] { return server.links.size() == 1; }));
}

TEST_CASE("RpcServer: at connections_max one more is turned away", "[rpc]") {
  RpcSide server{1};
  const std::uint16_t port = server.listen(0, {.connections_max = 1});
  RpcSide client{2};
  client.connect(port);
  REQUIRE(client.comes_up());
  TestSocket stranger = TestSocket::connect(port);
  CHECK(stranger.sees_end());
  CHECK(server.metrics.turned_away.value() == 1);
  CHECK(client.ask_and_wait(kEcho, "there").message == "there");
}

TEST_CASE("RpcServer: a connection that another listener accepted is served", "[rpc]") {
  RpcSide server{1};
  server.listen();
  Loopback pair = Loopback::make();
  const int fd = pair.ours.release();
  server.on_loop([&] { server.server->adopt(fd); });
  REQUIRE(pair.theirs.send(hello_frame({.self = identity_of(2)})));
  CHECK(server.reaches([&] { return server.links.size() == 1; }));
}

TEST_CASE("RpcServer: after close nothing is served, and its port is free", "[rpc]") {
  RpcPair t;
  Loopback pair = Loopback::make();
  const int fd = pair.ours.release();
  t.server.on_loop([&] {
    t.server.server->close();
    t.server.server->adopt(fd);
    CHECK(t.server.server->size() == 0);
  });
  CHECK(pair.theirs.sees_end());
  CHECK(t.client.reaches([&] { return t.client.downs == 1; }));
  t.server.stop_serving();
  CHECK(t.server.listen(t.port) == t.port);
}

}  // namespace
}  // namespace strandline
