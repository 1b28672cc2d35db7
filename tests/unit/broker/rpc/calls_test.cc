// Requests with their answers, and messages that have none.
#include <algorithm>

#include "tests/unit/broker/rpc/rpc_harness.h"

namespace strandline {
namespace {

// A file in memory, as a segment's lease.
class MemoryFile final : public FdLease {
 public:
  explicit MemoryFile(std::string_view content) : fd_(::memfd_create("test", MFD_CLOEXEC)) {
    REQUIRE(::write(fd_, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  }
  ~MemoryFile() override { ::close(fd_); }
  int fd() const override { return fd_; }

 private:
  int fd_;
};

TEST_CASE("RpcPeer: a request is answered, with what lies beside the message", "[rpc]") {
  RpcPair t;
  const std::vector<std::string> batches = {std::string(kMiB, 'a'), "", std::string(3, 'b')};
  const Answered got = t.client.ask_and_wait(kEcho, "hello", batches);
  CHECK_FALSE(got.error);
  CHECK(got.message == "hello");
  CHECK(got.attachments == batches);
  CHECK(t.client.metrics.calls.value() == 1);
  CHECK(t.server.metrics.requests_served.value() == 1);
  CHECK(t.client.reaches([&] { return t.client.budget.used() == 0; }));
  CHECK(t.server.reaches([&] { return t.server.budget.used() == 0; }));
  CHECK(t.server.metrics.held_bytes.value() == 0);
  // A ping may be on its way.
  CHECK(t.client.reaches([&] { return t.client.metrics.send_queue_bytes.value() == 0; }));
}

TEST_CASE("RpcPeer: answers come when they are given, in any order", "[rpc]") {
  RpcPair t;
  for (const char* text : {"first", "second", "third"}) t.client.ask(kHeld, text);
  REQUIRE(t.server.holds(3));
  t.server.answer_held(1, "to the second");
  CHECK(t.client.answer(1).message == "to the second");
  t.server.answer_held(1, "to the third");
  t.server.answer_held(0, "to the first");
  CHECK(t.client.answer(0).message == "to the first");
  CHECK(t.client.answer(2).message == "to the third");
  CHECK(t.client.on_loop([&] { return t.client.order; }) == std::vector<std::size_t>{1, 2, 0});
}

TEST_CASE("RpcPeer: an error comes with its number and its text", "[rpc]") {
  RpcPair t;
  const Answered got = t.client.ask_and_wait(kFails, "epoch 3 is older than 4");
  CHECK(got.error == Errc::fenced_leader_epoch);
  CHECK(got.text == "epoch 3 is older than 4");
  CHECK(t.client.metrics.call_errors.value() == 1);
}

TEST_CASE("RpcPeer: what nobody serves or answers is answered all the same", "[rpc]") {
  RpcPair t;
  CHECK(t.client.ask_and_wait(kNobody, "").error == Errc::unsupported_api);
  // Nor is a message taken for a request.
  CHECK(t.client.ask_and_wait(kNote, "").error == Errc::unsupported_api);
  CHECK(t.server.metrics.unknown_methods.value() == 2);
  const std::size_t dropped = t.client.ask(kHeld, "");
  REQUIRE(t.server.holds(1));
  t.server.on_loop([&] { t.server.held.clear(); });
  CHECK(t.client.answer(dropped).error == Errc::unknown_server_error);
}

TEST_CASE("RpcPeer: an answer that fits no frame becomes an error", "[rpc]") {
  RpcLimits small = patient();
  small.frames.attachment_bytes_max = 1000;
  RpcPair t{small};
  const std::size_t place = t.client.ask(kHeld, "");
  REQUIRE(t.server.holds(1));
  t.server.on_loop([&] {
    t.server.held.front().answer(payload_of("", {std::string(1001, 'x')}));
    t.server.held.clear();
  });
  CHECK(t.client.answer(place).error == Errc::frame_too_large);
}

TEST_CASE("RpcPeer: a request that fits no frame is not sent", "[rpc]") {
  RpcLimits small = patient();
  small.frames.attachments_max = 1;
  small.frames.message_bytes_max = 4096;
  RpcPair t{patient(), small};
  CHECK(t.client.ask_and_wait(kEcho, "", {"a", "b"}).error == Errc::too_many_attachments);
  CHECK(t.client.ask_and_wait(kEcho, std::string(5000, 'x')).error == Errc::frame_too_large);
  CHECK(t.client.ask_and_wait(kEcho, "still up").message == "still up");
}

TEST_CASE("RpcPeer: a call that is not answered in time ends, and its late answer is dropped",
          "[rpc]") {
  RpcPair t;
  const std::size_t place = t.client.ask(kHeld, "", {}, milliseconds{10});
  CHECK(t.client.answer(place).error == Errc::request_timed_out);
  CHECK(t.client.metrics.call_timeouts.value() == 1);
  REQUIRE(t.server.holds(1));
  t.server.answer_held(0, "late");
  CHECK(t.client.reaches([&] { return t.client.metrics.late_answers.value() == 1; }));
  CHECK(t.client.ask_and_wait(kEcho, "goes on").message == "goes on");
  CHECK(t.client.ups == 1);
}

TEST_CASE("RpcPeer: at calls_max the next call fails at once", "[rpc]") {
  RpcSide server{1};
  RpcSide client{2};
  client.connect(server.listen(), {.calls_max = 2});
  REQUIRE(client.comes_up());
  client.ask(kHeld, "");
  client.ask(kHeld, "");
  CHECK(client.answer(client.ask(kHeld, "")).error == Errc::rpc_queue_full);
  REQUIRE(server.holds(2));
  server.answer_held(0, "");
  CHECK_FALSE(client.answer(0).error);
  CHECK_FALSE(client.ask_and_wait(kEcho, "").error);
}

TEST_CASE("RpcPeer: while it is down calls fail, later and not inside the call", "[rpc]") {
  RpcSide client{2};
  RawServer nobody;
  client.connect(nobody.port);
  const bool inside = client.on_loop([&] {
    client.ask_on_loop(kEcho, {});
    return client.answers.back().has_value();
  });
  CHECK_FALSE(inside);
  CHECK(client.answer(0).error == Errc::rpc_not_connected);
}

TEST_CASE("RpcPeer: stop answers what waits, and nothing comes after it", "[rpc]") {
  RpcPair t;
  t.client.ask(kHeld, "");
  REQUIRE(t.server.holds(1));
  const std::size_t told = t.client.on_loop([&] {
    t.client.peer->stop();
    t.client.ask_on_loop(kEcho, {});
    t.client.peer->stop();
    return t.client.order.size();
  });
  CHECK(told == 2);
  CHECK(t.client.answer(0).error == Errc::shutting_down);
  CHECK(t.client.answer(1).error == Errc::rpc_not_connected);
  CHECK(t.client.downs == 0);
  CHECK(t.client.metrics.peers_up.value() == 0);
  CHECK(t.server.reaches([&] { return t.server.links.empty(); }));
  t.server.answer_held(0, "into the void");
}

TEST_CASE("RpcChannel: messages arrive in the order in which they were sent, both ways", "[rpc]") {
  RpcPair t;
  constexpr int kMessages = 5000;
  const auto send_all = [](RpcChannel& channel, int from) {
    bool all = true;
    for (int i = from; i < from + 100; ++i) {
      all = all && channel.send(kNote, payload_of(std::to_string(i))).has_value();
    }
    return all;
  };
  for (int from = 0; from < kMessages; from += 100) {
    CHECK(t.client.on_loop([&] { return send_all(*t.client.peer->channel(), from); }));
    CHECK(t.server.on_loop([&] { return send_all(*t.server.links[0], from); }));
  }
  std::vector<std::string> expected;
  for (int i = 0; i < kMessages; ++i) expected.push_back(std::to_string(i));
  for (RpcSide* side : {&t.client, &t.server}) {
    REQUIRE(side->reaches([&] { return side->notes.size() == expected.size(); }));
    CHECK(side->on_loop([&] { return side->notes == expected; }));
    CHECK(side->metrics.one_way_sent.value() == kMessages);
    CHECK(side->metrics.one_way_received.value() == kMessages);
  }
}

TEST_CASE("RpcChannel: a message that nobody takes is dropped and counted", "[rpc]") {
  RpcPair t;
  t.client.on_loop([&] { (void)t.client.peer->channel()->send(kNobody, payload_of("")); });
  CHECK(t.server.reaches([&] { return t.server.metrics.unknown_methods.value() == 1; }));
  CHECK(t.client.ask_and_wait(kEcho, "goes on").message == "goes on");
}

TEST_CASE("RpcChannel: slices of files are sent without passing through the process", "[rpc]") {
  RpcPair t;
  std::string content(3 * kMiB, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i % 251);
  const auto file = std::make_shared<MemoryFile>(content);
  const std::size_t place = t.client.on_loop([&] {
    RpcPayload payload = payload_of("slices", {"from memory"});
    payload.attachments.emplace_back(FilePiece{file, 10, 2 * kMiB});
    payload.attachments.emplace_back(FilePiece{file, 2 * kMiB, kMiB});
    t.client.ask_on_loop(kEcho, std::move(payload));
    return t.client.answers.size() - 1;
  });
  const Answered got = t.client.answer(place);
  REQUIRE(got.attachments.size() == 3);
  CHECK(got.attachments[0] == "from memory");
  CHECK((got.attachments[1] == content.substr(10, 2 * kMiB)));
  CHECK((got.attachments[2] == content.substr(2 * kMiB)));
  CHECK(t.client.metrics.sent_sendfile_bytes.value() == 3 * kMiB);
}

TEST_CASE("RpcChannel: a file that lost its end breaks the connection, not the receiver", "[rpc]") {
  RpcPair t;
  const auto file = std::make_shared<MemoryFile>("short");
  t.client.on_loop([&] {
    RpcPayload payload = payload_of("");
    payload.attachments.emplace_back(FilePiece{file, 0, 100});
    t.client.ask_on_loop(kEcho, std::move(payload));
  });
  CHECK(t.client.answer(0).error == Errc::rpc_connection_lost);
  CHECK(t.client.last_error == Errc::corrupt_file);
  CHECK(t.client.comes_up(2));
  CHECK(t.server.on_loop([&] { return t.server.metrics.requests_served.value(); }) == 0);
}

}  // namespace
}  // namespace strandline
