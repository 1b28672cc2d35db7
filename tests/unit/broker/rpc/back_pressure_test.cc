// What happens at each bound: of a send queue, of what is held, of the memory of the process.
#include <thread>

#include "protocol/base/errc.h"
#include "tests/unit/broker/rpc/rpc_harness.h"

namespace strandline {
namespace {

constexpr std::uint64_t kKiB = 1024;

RpcLimits tight() {
  RpcLimits limits = patient();
  limits.send_bytes_max = 256 * kKiB;
  limits.held_bytes_max = 256 * kKiB;
  return limits;
}

// Sends notes of 16 KiB, as a stream does: until it is refused, then on when it is told of room.
class Stream {
 public:
  Stream(RpcChannel& channel, rpc::Method method, int count)
      : channel_(channel.shared_from_this()), method_(method), count_(count) {}

  void go_on() {
    for (; sent < count_; ++sent) {
      std::string text = std::to_string(sent);
      text.resize(16 * kKiB, ' ');
      const auto result = channel_->send(method_, payload_of(text));
      if (result) continue;
      error = result.error();
      ++refusals;
      channel_->when_room([this] { go_on(); });
      return;
    }
  }

  int sent = 0;
  int refusals = 0;
  ErrorCode error;

 private:
  std::shared_ptr<RpcChannel> channel_;
  rpc::Method method_;
  int count_;
};

TEST_CASE("RpcChannel: who does not let go of messages stops who sends them, who is told",
          "[rpc]") {
  RpcPair t{tight(), tight()};
  constexpr int kCount = 2000;
  std::optional<Stream> stream;
  t.client.on_loop([&] {
    stream.emplace(*t.client.peer->channel(), kKept, kCount);
    stream->go_on();
  });
  REQUIRE(t.server.reaches([&] { return t.server.metrics.reads_paused.value() > 0; }));
  REQUIRE(t.client.reaches([&] { return stream->refusals > 0; }));
  CHECK(t.client.on_loop([&] { return stream->error; }) == Errc::rpc_queue_full);
  // One message beyond the bound at most.
  CHECK(t.server.metrics.held_bytes.value() <= static_cast<std::int64_t>(273 * kKiB));
  CHECK(t.client.metrics.send_queue_bytes.value() <= static_cast<std::int64_t>(256 * kKiB));
  CHECK(t.client.on_loop([&] { return stream->sent; }) < kCount);

  // Let go of now and then, everything arrives, and in order.
  CHECK(t.server.reaches([&] {
    t.server.kept.clear();
    return t.server.notes.size() == kCount;
  }));
  const std::vector<std::string> notes = t.server.on_loop([&] { return t.server.notes; });
  for (int i = 0; i < kCount; ++i) CHECK(std::stoi(notes[static_cast<std::size_t>(i)]) == i);
  CHECK(t.client.on_loop([&] { return stream->sent; }) == kCount);
  t.server.on_loop([&] { t.server.kept.clear(); });
  CHECK(t.server.reaches([&] { return t.server.budget.used() == 0; }));
  CHECK(t.client.reaches([&] { return t.client.budget.used() == 0; }));
  CHECK(t.client.metrics.queue_full.value() > 0);
  t.client.on_loop([&] { stream.reset(); });
}

TEST_CASE("RpcChannel: messages the server sends are bounded in the same way", "[rpc]") {
  RpcPair t{tight(), tight()};
  std::optional<Stream> stream;
  t.server.on_loop([&] {
    stream.emplace(*t.server.links[0], kKept, 2000);
    stream->go_on();
  });
  REQUIRE(t.server.reaches([&] { return stream->refusals > 0; }));
  CHECK(t.client.reaches([&] {
    t.client.kept.clear();
    return t.client.notes.size() == 2000;
  }));
  t.server.on_loop([&] { stream.reset(); });
}

TEST_CASE("RpcChannel: reading goes on as soon as there is room, not at the next tick", "[rpc]") {
  RpcLimits limits = tight();
  limits.ping_interval = std::chrono::hours{1};
  RpcPair t{limits, limits};
  std::optional<Stream> stream;
  t.client.on_loop([&] {
    stream.emplace(*t.client.peer->channel(), kKept, 100);
    stream->go_on();
  });
  REQUIRE(t.server.reaches([&] { return t.server.metrics.reads_paused.value() > 0; }));
  CHECK(t.server.reaches([&] {
    t.server.kept.clear();
    return t.server.notes.size() == 100;
  }));
  t.client.on_loop([&] { stream.reset(); });
}

TEST_CASE("RpcChannel: one message larger than the whole bound gets through", "[rpc]") {
  RpcPair t{tight(), tight()};
  const std::string large(kMiB, 'x');
  const Answered got = t.client.ask_and_wait(kEcho, "", {large});
  REQUIRE(got.attachments.size() == 1);
  CHECK((got.attachments[0] == large));
}

TEST_CASE("RpcChannel: while less than a half of the bound waits, anything fits", "[rpc]") {
  RpcPair t{tight(), tight()};
  // Nothing is sent before the loop's turn is over.
  t.client.on_loop([&] {
    RpcChannel& channel = *t.client.peer->channel();
    CHECK(channel.send(kNote, payload_of(std::string(100 * kKiB, 'a'))).has_value());
    CHECK(channel.send(kNote, payload_of(std::string(kMiB, 'b'))).has_value());
    CHECK(channel.send(kNote, payload_of("c")).error() == Errc::rpc_queue_full);
  });
  CHECK(t.server.reaches([&] { return t.server.notes.size() == 2; }));
}

TEST_CASE("RpcChannel: a side that is held up is not taken for dead", "[rpc]") {
  // The client notices silence of a second, and the server does not read what the client says.
  RpcLimits impatient = tight();
  impatient.silence_max = seconds{1};
  RpcPair t{tight(), impatient};
  std::optional<Stream> stream;
  t.client.on_loop([&] {
    stream.emplace(*t.client.peer->channel(), kKept, 2000);
    stream->go_on();
  });
  REQUIRE(t.server.reaches([&] { return t.server.metrics.reads_paused.value() > 0; }));
  const std::uint64_t before = t.client.metrics.received_bytes.value();
  // As many pings as fit into twice the time after which it would be dead.
  CHECK(t.client.reaches([&] {
    return t.client.metrics.received_bytes.value() > before + 100 * rpc::kFrameBytesMin;
  }));
  CHECK(t.client.on_loop([&] { return t.client.peer->is_up(); }));
  CHECK(t.client.downs == 0);
  t.server.on_loop([&] { t.server.kept.clear(); });
  t.client.on_loop([&] {
    t.client.peer->stop();
    stream.reset();
  });
}

TEST_CASE("RpcServer: requests of a client that takes no answers are not read", "[rpc]") {
  RpcSide server{1, tight()};
  const std::uint16_t port = server.listen();
  TestSocket client = TestSocket::connect(port);
  REQUIRE(client.send(hello_frame({.self = identity_of(2)})));
  REQUIRE(server.reaches([&] { return server.links.size() == 1; }));
  // Each asks for 64 KiB: the kernel's buffers hold a few MiB of answers, the queue 256 KiB.
  const std::string text(64 * kKiB, 'x');
  std::uint64_t asked = 0;
  while (server.metrics.reads_paused.value() == 0 && asked < 1000) {
    ++asked;
    REQUIRE(client.send(
        frame_of({.kind = rpc::FrameKind::request, .method = kEcho, .request_id = asked}, text)));
  }
  REQUIRE(server.reaches([&] { return server.metrics.reads_paused.value() > 0; }));
  CHECK(server.metrics.send_queue_bytes.value() < static_cast<std::int64_t>(400 * kKiB));
  // Everything is answered once the client takes it. What comes first is the welcome.
  std::uint64_t answers = 0;
  while (answers < asked) {
    const std::string length = client.receive(4);
    REQUIRE(length.size() == 4);
    const std::string rest = client.receive(load_be<std::uint32_t>(as_bytes(length).data()));
    if (static_cast<rpc::FrameKind>(rest.at(1)) == rpc::FrameKind::response) ++answers;
  }
  CHECK(server.metrics.requests_served.value() == asked);
}

TEST_CASE("RpcChannel: with no memory left small messages flow, and large ones wait for it",
          "[rpc]") {
  RpcLimits limits = patient();
  limits.reserve_bytes = 64 * kKiB;
  RpcSide server{1, limits, 8 * kMiB};
  RpcSide client{2};
  client.connect(server.listen());
  REQUIRE(client.comes_up());
  server.budget.charge(8 * kMiB);  // by clients, say
  for (int i = 0; i < 20; ++i) {
    CHECK(client.ask_and_wait(kEcho, "vote").message == "vote");
  }
  // Two that hold what they may, so that the third has to wait.
  client.ask(kHeld, std::string(40 * kKiB, 'a'));
  client.ask(kHeld, std::string(40 * kKiB, 'b'));
  REQUIRE(server.holds(2));
  const std::size_t third = client.ask(kEcho, "third");
  REQUIRE(server.reaches([&] { return server.metrics.reads_paused.value() > 0; }));
  CHECK_FALSE(client.on_loop([&] { return client.answers[third].has_value(); }));
  server.budget.release(8 * kMiB);
  CHECK(client.answer(third).message == "third");
}

TEST_CASE("RpcChannel: frames that are half received cannot hold all memory for ever", "[rpc]") {
  RpcLimits limits = patient();
  limits.reserve_bytes = 0;
  RpcSide server{1, limits, kMiB};
  const std::uint16_t port = server.listen();
  std::vector<TestSocket> clients;
  const std::string frame =
      frame_of({.kind = rpc::FrameKind::one_way, .method = kNote}, std::string(700 * kKiB, 'x'));
  for (int i = 0; i < 3; ++i) {
    clients.push_back(TestSocket::connect(port));
    REQUIRE(clients.back().send(hello_frame({.self = identity_of(2 + i)})));
    REQUIRE(server.reaches([&] { return server.links.size() == clients.size(); }));
  }
  for (TestSocket& client : clients) REQUIRE(client.send(frame.substr(0, 300 * kKiB)));
  REQUIRE(server.reaches([&] { return server.budget.is_exhausted(); }));
  std::vector<std::thread> senders;
  for (TestSocket& client : clients) {
    senders.emplace_back([&client, &frame] { client.send(frame.substr(300 * kKiB)); });
  }
  CHECK(server.reaches([&] { return server.notes.size() == 3; }));
  for (std::thread& sender : senders) sender.join();
}

}  // namespace
}  // namespace strandline
