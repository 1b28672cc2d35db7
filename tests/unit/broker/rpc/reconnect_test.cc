// Connections that end, and come back.
#include <atomic>
#include <thread>

#include "protocol/base/errc.h"
#include "tests/unit/broker/rpc/rpc_harness.h"

namespace strandline {
namespace {

// Notices silence soon, but not so soon that a busy machine fails the test.
RpcLimits impatient() {
  return {
      .handshake_max = kLong, .ping_interval = milliseconds{20}, .silence_max = milliseconds{300}};
}

TEST_CASE("RpcPeer: it is up again when the server went away and came back", "[rpc]") {
  RpcPair t;
  const std::size_t waiting = t.client.ask(kHeld, "");
  REQUIRE(t.server.holds(1));
  t.server.stop_serving();
  CHECK(t.client.answer(waiting).error == Errc::rpc_connection_lost);
  CHECK(t.client.metrics.calls_lost.value() == 1);
  REQUIRE(t.client.reaches([&] { return t.client.metrics.connect_failures.value() >= 3; }));
  CHECK(t.client.ask_and_wait(kEcho, "").error == Errc::rpc_not_connected);
  CHECK(t.client.metrics.peers_up.value() == 0);

  REQUIRE(t.server.listen(t.port) == t.port);
  REQUIRE(t.client.comes_up(2));
  CHECK(t.client.ask_and_wait(kEcho, "back").message == "back");
  CHECK(t.client.downs == 1);
  CHECK(t.client.metrics.reconnects.value() == 1);
  CHECK(t.client.metrics.peers_up.value() == 1);
  // An answer to a connection of before goes nowhere.
  t.server.answer_held(0, "too late");
  CHECK(t.client.ask_and_wait(kEcho, "again").message == "again");
}

TEST_CASE("RpcPeer: it connects once somebody listens, also by name", "[rpc]") {
  RpcSide server{1};
  RpcSide client{2};
  const std::uint16_t port = server.listen();
  client.on_loop([&] {
    client.peer =
        RpcPeer::make(client.context, client.handlers, {.address = {"localhost", port}},
                      {.verify = {}, .on_up = [&](RpcChannel&) { ++client.ups; }, .on_down = {}});
    client.peer->start();
  });
  CHECK(client.comes_up());
  CHECK(client.ask_and_wait(kEcho, "by name").message == "by name");
}

TEST_CASE("RpcPeer: a name that nobody has is asked for again and again", "[rpc]") {
  RpcSide client{2};
  const std::string no_name(70, 'x');  // longer than a part of a name may be: nobody is asked
  client.on_loop([&] {
    client.peer = RpcPeer::make(client.context, client.handlers, {.address = {no_name, 9}}, {});
    client.peer->start();
  });
  CHECK(client.reaches([&] { return client.metrics.connect_failures.value() >= 2; }));
}

TEST_CASE("RpcPeer: a server that accepts and says nothing is left, and tried again", "[rpc]") {
  RawServer silent;
  RpcLimits limits = patient();
  limits.handshake_max = milliseconds{300};
  RpcSide client{2, limits};
  client.connect(silent.port);
  TestSocket first = silent.accept();
  CHECK(first.sees_end());
  TestSocket second = silent.accept();
  CHECK(second.sees_end());
  CHECK(client.closed_for(RpcClose::handshake, 2));
  CHECK(client.metrics.connect_failures.value() >= 2);
}

TEST_CASE("RpcPeer: a server that falls silent is noticed, and waiting calls end", "[rpc]") {
  RawServer raw;
  RpcSide client{2, impatient()};
  client.connect(raw.port);
  TestSocket first = raw.welcome(1);
  REQUIRE(client.comes_up());
  const std::size_t waiting = client.ask(kEcho, "is anybody there");
  CHECK(client.answer(waiting).error == Errc::rpc_connection_lost);
  CHECK(client.last_close == RpcClose::silent);
  CHECK(client.last_error == Errc::rpc_peer_silent);
  CHECK(first.sees_end());
  TestSocket second = raw.welcome(1);
  CHECK(client.comes_up(2));
}

TEST_CASE("RpcServer: a client that falls silent is noticed", "[rpc]") {
  RpcSide server{1, impatient()};
  TestSocket client = TestSocket::connect(server.listen());
  REQUIRE(client.send(hello_frame({.self = identity_of(2)})));
  CHECK(client.sees_end());  // after the welcome and some pings
  CHECK(server.closed_for(RpcClose::silent));
  CHECK(server.reaches(
      [&] { return server.links.empty() && server.last_close == RpcClose::silent; }));
}

TEST_CASE("RpcChannel: one that reads nothing is left, though it says that it is there", "[rpc]") {
  RpcLimits limits = patient();
  limits.stall_max = milliseconds{300};
  RpcSide server{1, limits};
  TestSocket client = TestSocket::connect(server.listen());
  REQUIRE(client.send(hello_frame({.self = identity_of(2)})));
  REQUIRE(server.reaches([&] { return server.links.size() == 1; }));
  std::atomic<bool> ended{false};
  const std::string ping = frame_of({.kind = rpc::FrameKind::ping, .request_id = 1}, "");
  std::thread pings{[&] {
    while (client.send(ping)) std::this_thread::sleep_for(milliseconds{5});
    ended = true;
  }};
  server.on_loop([&] {
    // More than the kernel's buffers take.
    for (int i = 0; i < 4; ++i) {
      (void)server.links[0]->send(kNote, payload_of("", {std::string(16 * kMiB, 'x')}));
    }
  });
  CHECK(server.closed_for(RpcClose::stalled));
  CHECK(server.reaches([&] { return ended.load(); }));
  client.close_sending();  // or a failure would never end
  pings.join();
  CHECK(server.reaches([&] { return server.budget.used() == 0; }));
}

TEST_CASE("RpcChannel: an idle connection stays up by pings alone", "[rpc]") {
  RpcLimits limits = impatient();
  limits.silence_max = seconds{2};
  RpcPair t{limits, limits};
  // For longer than silence_max.
  CHECK(t.client.reaches([&] {
    HistogramSnapshot pings;
    pings.add(t.client.metrics.ping_time);
    return pings.count() >= 150;
  }));
  CHECK(t.client.on_loop([&] { return t.client.peer->is_up(); }));
  CHECK(t.client.downs == 0);
  CHECK(t.client.ask_and_wait(kEcho, "still").message == "still");
}

// As when a whole machine was paused: nothing came meanwhile, because nobody ran.
TEST_CASE("RpcChannel: a loop that was kept from running takes nobody for dead", "[rpc]") {
  RpcLimits limits = patient();
  limits.silence_max = milliseconds{800};
  RpcPair t{patient(), limits};
  std::atomic<bool> go_on{false};
  t.server.context.loop.post([&] {
    while (!go_on) std::this_thread::sleep_for(milliseconds{1});
  });
  const auto two_more_pings = [&, before = t.client.metrics.sent_memory_bytes.value()] {
    return t.client.metrics.sent_memory_bytes.value() >= before + 2 * rpc::kFrameBytesMin;
  };
  CHECK(t.client.reaches(two_more_pings));  // so that it has read all that came
  t.client.on_loop([] { std::this_thread::sleep_for(milliseconds{1200}); });
  const std::uint64_t pings = t.client.metrics.sent_memory_bytes.value();
  CHECK(t.client.reaches(
      [&] { return t.client.downs > 0 || t.client.metrics.sent_memory_bytes.value() > pings; }));
  go_on = true;
  CHECK(t.client.ask_and_wait(kEcho, "slow").message == "slow");
  CHECK(t.client.downs == 0);
}

TEST_CASE("RpcPeer: a server that breaks off each time is not asked without a pause", "[rpc]") {
  RawServer raw;
  RpcSide client{2};
  client.connect(raw.port, {.backoff = {.first = milliseconds{1}, .max = milliseconds{40}}});
  const Instant began = steady_now();
  for (int i = 0; i < 12; ++i) {
    TestSocket socket = raw.welcome(1);
    REQUIRE(client.comes_up(i + 1));
  }
  // 0.5, 1, 2, 4, 8, 16 ms, then 20 each, at least.
  CHECK(steady_now() - began >= milliseconds{100});
  CHECK(client.metrics.reconnects.value() == 11);
}

TEST_CASE("RpcPeer: what no server may send ends the connection, not the process", "[rpc]") {
  RawServer raw;
  RpcSide client{2};
  client.connect(raw.port);
  const auto bad = GENERATE(
      std::string("\x00\x00\x00\x01 garbage", 12),
      frame_of({.kind = rpc::FrameKind::hello}, "again"),
      frame_of({.kind = rpc::FrameKind::response, .method = kEcho, .request_id = 77}, "not asked"),
      frame_of({.kind = rpc::FrameKind::response, .method = kHeld, .request_id = 1},
               "other method"),
      frame_of({.kind = rpc::FrameKind::error, .method = kEcho, .request_id = 1}, "\x0f no error"));
  TestSocket socket = raw.welcome(1);
  REQUIRE(client.comes_up());
  const std::size_t place = client.ask(kEcho, "");
  REQUIRE(socket.send(bad));
  CHECK(client.answer(place).error == Errc::rpc_connection_lost);
  CHECK(client.closed_for(RpcClose::malformed));
}

TEST_CASE("RpcPeer: an answer that is no welcome is tried again", "[rpc]") {
  RawServer raw;
  RpcSide client{2};
  client.connect(raw.port);
  for (const std::string& bad :
       {std::string("HTTP/1.1 400 Bad Request\r\n\r\n"),
        frame_of({.kind = rpc::FrameKind::ping, .request_id = 1}, ""),
        frame_of({.kind = rpc::FrameKind::hello_reply}, "\x0f no reply")}) {
    TestSocket socket = raw.accept();
    REQUIRE(socket.send(bad));
    CHECK(socket.sees_end());
  }
  CHECK(client.closed_for(RpcClose::malformed, 3));
  TestSocket socket = raw.welcome(1);
  CHECK(client.comes_up());
}

}  // namespace
}  // namespace strandline
