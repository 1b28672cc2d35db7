// Two brokers' ends of the rpc layer, each on a loop of its own, with services that a test needs;
// and a raw socket that speaks frames, for what a broker would not do.
//
// Thread   the test's; what belongs to a side is touched through its on_loop()
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <functional>
#include <iterator>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/rpc/rpc_peer.h"
#include "broker/rpc/rpc_server.h"
#include "protocol/rpc/frame_encoder.h"
#include "tests/unit/broker/loop_thread.h"
#include "tests/unit/broker/net/loopback.h"

namespace strandline {

using std::chrono::milliseconds;
using std::chrono::seconds;

// What the services of the tests are called.
inline constexpr rpc::Method kEcho{1};   // a request: its answer is the same again
inline constexpr rpc::Method kHeld{2};   // a request: kept until the test answers it
inline constexpr rpc::Method kFails{3};  // a request: its message is the text of the error
inline constexpr rpc::Method kNote{4};   // a message: noted
inline constexpr rpc::Method kKept{5};   // a message: noted, and not let go of
inline constexpr rpc::Method kNobody{6};

inline constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
// Long enough to end only a test that fails.
inline constexpr Duration kLong = seconds{20};

inline OutputPiece piece_of(std::string_view text) {
  auto owner = std::make_shared<wire::ByteBuffer>();
  std::copy_n(as_bytes(text).data(), text.size(), owner->extend(text.size()));
  const ByteView bytes = owner->view();
  return MemoryPiece{std::move(owner), bytes};
}

inline RpcPayload payload_of(std::string_view message,
                             const std::vector<std::string>& attachments = {}) {
  RpcPayload payload{.message = std::string{message}, .attachments = {}};
  for (const std::string& attachment : attachments) {
    payload.attachments.push_back(piece_of(attachment));
  }
  return payload;
}

inline RpcIdentity identity_of(int node) {
  Prng cluster{7};
  Prng own{100 + static_cast<std::uint64_t>(node)};
  return {.cluster_id = make_uuid(cluster),
          .node_id = BrokerId{node},
          .directory_id = make_uuid(own),
          .incarnation = make_uuid(own),
          .feature_level_min = 1,
          .feature_level_max = 3};
}

// Silence is not noticed by these: machines that do other work pause threads for long. Tests of
// silence ask for less.
inline RpcLimits patient() {
  return {.handshake_max = kLong, .ping_interval = milliseconds{20}, .silence_max = kLong};
}

struct Answered {
  ErrorCode error;
  std::string text;
  std::string message;
  std::vector<std::string> attachments;
};

// One broker: what of it talks to others.
class RpcSide {
 public:
  template <class Work>
  auto on_loop(Work work) {
    return shard_.run(std::move(work));
  }
  template <class Condition>
  bool reaches(Condition condition) {
    return shard_.reaches(std::move(condition));
  }

  explicit RpcSide(int node, RpcLimits limits = patient(), std::uint64_t budget_bytes = 1 << 30,
                   SenderSlot slot = kLoopSlot)
      : budget(budget_bytes),
        buffers(budget),
        shard_(slot),
        context{.loop = shard_.loop,
                .buffers = buffers,
                .budget = budget,
                .metrics = metrics,
                .self = identity_of(node),
                .limits = limits} {
    handlers.on_request(kEcho, [](RpcRequest request) {
      RpcPayload answer = payload_of(as_text(request.message()));
      for (const ByteView attachment : request.received().attachments()) {
        answer.attachments.push_back(piece_of(as_text(attachment)));
      }
      request.answer(std::move(answer));
    });
    handlers.on_request(kHeld, [this](RpcRequest request) { held.push_back(std::move(request)); });
    handlers.on_request(kFails, [](RpcRequest request) {
      const std::string text{as_text(request.message())};
      request.fail(Errc::fenced_leader_epoch, text);
    });
    handlers.on_message(kNote, [this](RpcChannel&, RpcMessage message) {
      notes.emplace_back(as_text(message.message()));
    });
    handlers.on_message(kKept, [this](RpcChannel&, RpcMessage message) {
      notes.emplace_back(as_text(message.message()));
      kept.push_back(std::move(message));
    });
  }

  ~RpcSide() {
    on_loop([this] {
      if (peer != nullptr) peer->stop();
      peer.reset();
      held.clear();
      kept.clear();
      server.reset();
    });
    shard_.loop.stop_and_join();
  }
  RpcSide(const RpcSide&) = delete;
  RpcSide& operator=(const RpcSide&) = delete;

  // Begins to serve; returns the port.
  std::uint16_t listen(std::uint16_t port = 0, RpcServerOptions options = {}) {
    return on_loop([this, port, options] {
      RpcServer::Hooks hooks{
          .admit = admit,
          .on_up = [this](RpcChannel& channel) { links.push_back(channel.shared_from_this()); },
          .on_down =
              [this](RpcChannel& channel, RpcClose reason, ErrorCode) {
                std::erase(links, channel.shared_from_this());
                last_close = reason;
              },
          .hand_over = hand_over};
      server = std::make_unique<RpcServer>(context, handlers, options, std::move(hooks));
      const auto endpoint = server->listen("127.0.0.1", port);
      return endpoint ? endpoint.value().port() : std::uint16_t{0};
    });
  }
  // Serves what is adopted, and does not listen.
  void listen_as(RpcServerOptions options) {
    on_loop([this, options] {
      server = std::make_unique<RpcServer>(context, handlers, options, RpcServer::Hooks{});
    });
  }
  void post(Task task) { shard_.loop.post(std::move(task)); }
  void stop_serving() {
    on_loop([this] {
      links.clear();
      server.reset();
    });
  }

  // Begins to connect to that port of this machine.
  void connect(std::uint16_t port, RpcPeerOptions options = {}) {
    on_loop([this, port, options = std::move(options)]() mutable {
      options.address = {"127.0.0.1", port};
      RpcPeer::Hooks hooks{.verify = verify,
                           .on_up = [this](RpcChannel&) { ++ups; },
                           .on_down =
                               [this](const RpcIdentity&, RpcClose reason, ErrorCode error) {
                                 last_close = reason;
                                 last_error = error;
                                 ++downs;
                               }};
      peer = RpcPeer::make(context, handlers, std::move(options), std::move(hooks));
      peer->start();
    });
  }
  bool comes_up(int times = 1) {
    return reaches([this, times] { return ups >= times && peer->is_up(); });
  }

  // Asks; the answer is put where `answers` has a place for it. Only from the loop.
  void ask_on_loop(rpc::Method method, RpcPayload payload, Duration time_max = kLong) {
    const std::size_t place = answers.size();
    answers.emplace_back();
    peer->call(method, std::move(payload), time_max, [this, place](RpcAnswer answer) {
      Answered& to = answers.at(place).emplace();
      to = {.error = answer.error,
            .text = answer.error_text,
            .message = std::string{as_text(answer.message.message())},
            .attachments = {}};
      for (const ByteView attachment : answer.message.attachments()) {
        to.attachments.emplace_back(as_text(attachment));
      }
      order.push_back(place);
    });
  }
  // Asks and does not wait; returns where the answer will be.
  std::size_t ask(rpc::Method method, std::string_view message,
                  const std::vector<std::string>& attachments = {}, Duration time_max = kLong) {
    return on_loop([&] {
      ask_on_loop(method, payload_of(message, attachments), time_max);
      return answers.size() - 1;
    });
  }
  // Waits for what was asked.
  Answered answer(std::size_t place) {
    REQUIRE(reaches([this, place] { return answers.at(place).has_value(); }));
    return on_loop([this, place] { return *answers.at(place); });
  }
  Answered ask_and_wait(rpc::Method method, std::string_view message,
                        const std::vector<std::string>& attachments = {}) {
    return answer(ask(method, message, attachments));
  }

  bool holds(std::size_t requests) {
    return reaches([this, requests] { return held.size() == requests; });
  }
  void answer_held(std::size_t index, std::string_view message) {
    on_loop([&] {
      const auto request = std::next(held.begin(), static_cast<std::ptrdiff_t>(index));
      request->answer(payload_of(message));
      held.erase(request);
    });
  }
  bool closed_for(RpcClose reason, std::uint64_t times = 1) {
    return reaches([this, reason, times] {
      return metrics.closed[static_cast<std::size_t>(reason)].value() >= times;
    });
  }
  std::uint64_t refused(RefusalReason reason) const {
    return metrics.refused[static_cast<std::size_t>(reason)].value();
  }
  std::uint64_t refused_by_peer(RefusalReason reason) const {
    return metrics.refused_by_peer[static_cast<std::size_t>(reason)].value();
  }

  MemoryBudget budget;
  RpcMetrics metrics;
  BufferPool buffers;

 private:
  LoopThread shard_;

 public:
  RpcContext context;
  RpcHandlers handlers;
  // Set before listen() or connect().
  std::function<std::optional<RpcRefusal>(const RpcHello&)> admit;
  std::function<std::optional<RpcRefusal>(const RpcIdentity&)> verify;
  std::function<void(int native_handle, const RpcHello&)> hand_over;
  // The loop's, from here on.
  std::unique_ptr<RpcServer> server;
  std::shared_ptr<RpcPeer> peer;
  std::vector<std::shared_ptr<RpcChannel>> links;  // of brokers that are here
  std::list<RpcRequest> held;
  std::vector<RpcMessage> kept;
  std::vector<std::string> notes;
  std::vector<std::optional<Answered>> answers;
  std::vector<std::size_t> order;  // of the answers, as they came
  int ups = 0;
  int downs = 0;
  RpcClose last_close{};
  ErrorCode last_error;
};

// Two brokers, the second connected to the first.
struct RpcPair {
  explicit RpcPair(RpcLimits server_limits = patient(), RpcLimits client_limits = patient())
      : server(1, server_limits), client(2, client_limits), port(server.listen()) {
    client.connect(port);
    REQUIRE(client.comes_up());
    REQUIRE(server.reaches([this] { return server.links.size() == 1; }));
  }

  RpcSide server;
  RpcSide client;
  std::uint16_t port;
};

inline std::string frame_of(const rpc::FrameHeader& header, std::string_view message) {
  wire::ByteBuffer head;
  REQUIRE(rpc::encode_frame_head(header, as_bytes(message), {}, {}, head).has_value());
  return std::string{as_text(head.view())};
}

inline std::string hello_frame(const RpcHello& hello) {
  return frame_of({.kind = rpc::FrameKind::hello}, encode_rpc_hello(hello));
}

// Accepts like a broker, and then does what the test wants.
class RawServer {
 public:
  RawServer() : listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = TestSocket::loopback(0);
    REQUIRE(::bind(listening_.fd(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(::listen(listening_.fd(), 100) == 0);
    socklen_t size = sizeof(address);
    REQUIRE(::getsockname(listening_.fd(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port = ntohs(address.sin_port);
  }

  TestSocket accept() {
    return TestSocket{::accept4(listening_.fd(), nullptr, nullptr, SOCK_CLOEXEC)};
  }
  // Accepts and welcomes as this node.
  TestSocket welcome(int node) {
    TestSocket socket = accept();
    const std::string length = socket.receive(4);
    REQUIRE(length.size() == 4);
    (void)socket.receive(load_be<std::uint32_t>(as_bytes(length).data()));
    REQUIRE(
        socket.send(frame_of({.kind = rpc::FrameKind::hello_reply},
                             encode_rpc_hello_reply({.self = identity_of(node), .protocol = 1}))));
    return socket;
  }

  std::uint16_t port = 0;

 private:
  TestSocket listening_;
};

}  // namespace strandline
