// What the connection between two brokers costs over loopback, both in this process: requests with
// their answers, and megabytes of record batches.
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "broker/rpc/rpc_peer.h"
#include "broker/rpc/rpc_server.h"
#include "protocol/base/assertion.h"

namespace strandline {
namespace {

constexpr rpc::Method kEcho{1};
constexpr rpc::Method kBatch{2};
constexpr std::size_t kSenders = 2;
constexpr Duration kCallMax = std::chrono::seconds{10};

RpcIdentity identity_of(int node) {
  Prng cluster{7};
  Prng own{100 + static_cast<std::uint64_t>(node)};
  return {.cluster_id = make_uuid(cluster),
          .node_id = BrokerId{node},
          .directory_id = make_uuid(own),
          .incarnation = make_uuid(own),
          .feature_level_min = 1,
          .feature_level_max = 1};
}

// A loop and what connections on it need.
struct Side {
  explicit Side(int node)
      : budget(1 << 30),
        buffers(budget),
        loop("bench", SenderSlot{0}, kSenders),
        context{.loop = loop,
                .buffers = buffers,
                .budget = budget,
                .metrics = metrics,
                .self = identity_of(node),
                .limits = {}} {
    set_sender_slot(SenderSlot{1});
    loop.start();
  }
  ~Side() { loop.stop_and_join(); }
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;

  template <class Work>
  void run(Work work) {
    std::promise<void> done;
    loop.post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  MemoryBudget budget;
  RpcMetrics metrics;
  BufferPool buffers;
  ShardLoop loop;
  RpcContext context;
  RpcHandlers handlers;
};

class BenchPair {
 public:
  BenchPair() {
    server_.handlers.on_request(kEcho, [](RpcRequest request) {
      request.answer({.message = std::string{as_text(request.message())}, .attachments = {}});
    });
    server_.handlers.on_message(kBatch, [this](RpcChannel&, RpcMessage message) {
      arrived_.fetch_add(message.attachments().size(), std::memory_order_release);
      arrived_.notify_one();
    });
    std::uint16_t port = 0;
    server_.run([&] {
      serving_ = std::make_unique<RpcServer>(server_.context, server_.handlers, RpcServerOptions{},
                                             RpcServer::Hooks{});
      port = serving_->listen("127.0.0.1", 0).value().port();
    });
    std::promise<void> up;
    client_.run([&] {
      peer_ = RpcPeer::make(
          client_.context, client_.handlers, {.address = {"127.0.0.1", port}},
          {.verify = {}, .on_up = [&up](RpcChannel&) { up.set_value(); }, .on_down = {}});
      peer_->start();
    });
    up.get_future().wait();
  }
  ~BenchPair() {
    client_.run([this] {
      peer_->stop();
      peer_.reset();
    });
    server_.run([this] { serving_.reset(); });
  }
  BenchPair(const BenchPair&) = delete;
  BenchPair& operator=(const BenchPair&) = delete;

  // `count` requests, so many of them at a time.
  void round_trips(int count, int at_a_time, const std::string& message) {
    std::promise<void> done;
    int asked = 0;
    int answered = 0;
    std::function<void()> ask = [&] {
      ++asked;
      peer_->call(kEcho, {.message = message, .attachments = {}}, kCallMax,
                  [&](const RpcAnswer& answer) {
                    STRANDLINE_ASSERT(!answer.error);
                    if (++answered == count) return done.set_value();
                    if (asked < count) ask();
                  });
    };
    client_.loop.post([&] {
      for (int i = 0; i < at_a_time; ++i) ask();
    });
    done.get_future().wait();
  }

  // `count` one-way messages, each with this batch beside it; returns when all have arrived.
  void stream(std::uint64_t count, const std::shared_ptr<wire::ByteBuffer>& batch) {
    const std::uint64_t goal = arrived_.load() + count;
    std::uint64_t sent = 0;
    std::function<void()> go_on = [&] {
      for (; sent < count; ++sent) {
        RpcPayload payload{.message = "batch", .attachments = {}};
        payload.attachments.emplace_back(MemoryPiece{batch, batch->view()});
        if (peer_->channel()->send(kBatch, std::move(payload))) continue;
        return peer_->channel()->when_room(go_on);
      }
    };
    client_.loop.post([&] { go_on(); });
    for (std::uint64_t now = arrived_.load(); now < goal; now = arrived_.load()) {
      arrived_.wait(now, std::memory_order_acquire);
    }
  }

 private:
  std::atomic<std::uint64_t> arrived_{0};
  Side server_{1};
  Side client_{2};
  std::unique_ptr<RpcServer> serving_;
  std::shared_ptr<RpcPeer> peer_;
};

void rpc_round_trip(benchmark::State& state) {
  BenchPair pair;
  constexpr int kCalls = 2000;
  const std::string message(100, 'm');
  for (auto _ : state) pair.round_trips(kCalls, static_cast<int>(state.range(0)), message);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * kCalls);
}
BENCHMARK(rpc_round_trip)->Arg(1)->Arg(16)->Arg(256)->UseRealTime();

void rpc_stream(benchmark::State& state) {
  BenchPair pair;
  auto batch = std::make_shared<wire::ByteBuffer>();
  const auto size = static_cast<std::size_t>(state.range(0));
  std::memset(batch->extend(size), 'b', size);
  const std::uint64_t count = (std::uint64_t{64} << 20) / size;
  for (auto _ : state) pair.stream(count, batch);
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * count * size));
}
BENCHMARK(rpc_stream)->Arg(4 << 10)->Arg(64 << 10)->Arg(1 << 20)->UseRealTime();

}  // namespace
}  // namespace strandline
