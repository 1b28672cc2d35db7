#include "broker/server/broker.h"

#include <sys/random.h>

#include <algorithm>
#include <atomic>
#include <latch>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "broker/cluster/cluster_node.h"
#include "broker/config/live_settings.h"
#include "broker/http/http_server.h"
#include "broker/http/http_sessions.h"
#include "broker/logging/log.h"
#include "broker/net/listener.h"
#include "broker/partition/replica_links.h"
#include "broker/partition/replication_throttle.h"
#include "broker/partition/stray_keeper.h"
#include "broker/runtime/machine.h"
#include "broker/server/admin.h"
#include "broker/server/damage_log.h"
#include "broker/server/disk_guard.h"
#include "broker/server/from_settings.h"
#include "broker/server/isr_requests.h"
#include "broker/server/loose_socket.h"
#include "broker/server/shard_server.h"
#include "broker/version.h"
#include "protocol/base/assertion.h"
#include "storage/checkpoint/checkpoint.h"
#include "storage/checkpoint/data_directory.h"
#include "storage/io/posix_disk.h"

namespace strandline {
namespace asio = boost::asio;

namespace {

using StartResult =
    boost::outcome_v2::basic_result<void, StartFailure, boost::outcome_v2::policy::terminate>;

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  const ssize_t got = ::getrandom(&seed, sizeof(seed), 0);
  STRANDLINE_ASSERT(got == sizeof(seed));
  return seed;
}

std::size_t shard_count(const Settings& settings) {
  if (settings.shards > 0) return static_cast<std::size_t>(settings.shards);
  return std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace

struct Broker::State {
  State(Settings given, OnFatal fatal)
      : settings(std::move(given)),
        on_fatal(std::move(fatal)),
        budget(static_cast<std::uint64_t>(settings.memory_budget_bytes)),
        prng(random_seed()),
        incarnation(make_uuid(prng)) {}

  Settings settings;
  OnFatal on_fatal;
  MemoryBudget budget;
  Prng prng;
  DamageLog damage;
  std::unique_ptr<PosixDisk> disk;
  std::optional<DataDirectory> directory;
  bool ended_in_order = false;  // the process before this one
  std::unique_ptr<Checkpoint> checkpoint;
  std::unique_ptr<WorkerPool> disk_pool;
  std::unique_ptr<WorkerPool> sync_pool;
  std::unique_ptr<WorkerPool> idle_pool;
  std::unique_ptr<WorkerPool> metadata_pool;
  std::size_t senders = 0;
  SenderSlot cluster_slot;
  Uuid incarnation;  // of this start of the process
  std::vector<std::unique_ptr<ShardServer>> shards;
  std::unique_ptr<ConfigView> configs;
  std::unique_ptr<ClusterNode> cluster;
  std::unique_ptr<Services> services;
  std::unique_ptr<Listener> listener;
  std::unique_ptr<DiskGuard> disk_guard;
  std::unique_ptr<StrayKeeper> strays;
  std::unique_ptr<BrokerAdmin> admin;
  HttpLimits http_limits;
  std::unique_ptr<HttpServer> http;
  std::unique_ptr<HttpSessions> kafka_port_http;
  std::string http_address;  // empty: off
  std::atomic<bool> refuses_writes{false};
  std::atomic<bool> refuses_changes{false};
  ReplicationThrottles throttles;
  std::atomic<std::int64_t> connections{0};
  std::size_t next_shard = 0;
  std::function<void()> on_serving;
  std::mutex findings_mutex;  // guards the next
  std::vector<ReplicaFindings> found_by_shard;

  ShardServer& first() { return *shards.front(); }

  StartResult open_data();
  void make_threads();
  StartResult open_cluster();
  ClusterNode::Hooks cluster_hooks();
  void take_live_settings(const MetadataImage& image);
  void show(std::shared_ptr<const MetadataImage> image, std::function<void()> shown);
  void propose_isr(Shard& home, IsrRequest request);
  void send_isr_requests(ShardServer& server);
  template <class Request>
  void tell_controller(Shard& home, const PartitionKey& key);
  template <class Request>
  std::function<void(Shard&, const PartitionKey&)> teller_of(std::int32_t level = 0);
  void note_findings(const ShardServer& server);
  BrokerFindings findings();
  void serve();
  StartResult open_listeners();
  void serve_shard(ShardServer& server);
  void tell_suppressed_lines();
  void deal(int native_handle);
  void on_http(asio::ip::tcp::socket socket, std::string bytes);
  void on_move(asio::ip::tcp::socket socket, std::size_t shard);
};

StartResult Broker::State::open_data() {
  const std::size_t descriptors = raise_descriptors_max();
  const std::size_t files_max = settings.files_open_max > 0
                                    ? static_cast<std::size_t>(settings.files_open_max)
                                    : std::max<std::size_t>(16, descriptors / 2);
  auto opened = PosixDisk::open(settings.data, {.open_files_max = files_max});
  if (!opened) {
    return StartFailure{"cannot open the data directory '" + settings.data +
                        "': " + opened.error().message() +
                        "; make it a directory this user may write to, or name another (--data)"};
  }
  disk = std::move(opened).value();
  std::string why;
  auto found = DataDirectory::open(
      *disk, settings.data,
      {.cluster_id = {},
       .node_id = BrokerId{settings.node_id},
       .without_cluster = !settings.cluster_voters.empty() || !settings.cluster_join.is_none()},
      prng, why);
  if (!found) return StartFailure{why};
  directory.emplace(std::move(found).value());
  const Result<bool> was_clean = directory->take_clean_mark();
  if (!was_clean) {
    return StartFailure{"cannot remove '" + settings.data +
                        "/clean': " + was_clean.error().message()};
  }
  ended_in_order = was_clean.value();
  CheckpointReport report;
  auto points = Checkpoint::open(*disk, report);
  if (!points) {
    return StartFailure{"cannot read the checkpoint in '" + settings.data +
                        "': " + points.error().message()};
  }
  for (const std::string& complaint : report.complaints) {
    log_line(LogLevel::warn, "checkpoint", complaint);
  }
  checkpoint = std::move(points).value();
  const Result<void> cleaned = PartitionManager::remove_leftovers(*disk);
  if (!cleaned) {
    return StartFailure{"cannot remove deleted partitions in '" + settings.data +
                        "': " + cleaned.error().message()};
  }
  return success();
}

void Broker::State::make_threads() {
  const std::size_t count = shard_count(settings);
  const auto disk_threads = static_cast<std::size_t>(settings.disk_threads);
  const auto sync_threads = static_cast<std::size_t>(settings.sync_threads);
  // Shards, disk and sync threads, the idle one, the cluster's two, and the main thread.
  senders = count + disk_threads + sync_threads + 4;
  cluster_slot = SenderSlot{senders - 4};
  set_sender_slot(SenderSlot{senders - 1});
  disk_pool = std::make_unique<WorkerPool>("disk", disk_threads, SenderSlot{count});
  sync_pool = std::make_unique<WorkerPool>("sync", sync_threads, SenderSlot{count + disk_threads});
  idle_pool =
      std::make_unique<WorkerPool>("idle", 1, SenderSlot{senders - 2}, WorkerPool::Priority::idle);
  metadata_pool = std::make_unique<WorkerPool>("metadata", 1, SenderSlot{senders - 3});
  std::vector<Shard*> peers;
  for (std::size_t i = 0; i < count; ++i) {
    auto server = std::make_unique<ShardServer>(i, senders, budget);
    server->shard = std::make_unique<Shard>(
        i, ShardResources{
               .loop = server->loop,
               .metrics = server->metrics,
               .disk_pool = *disk_pool,
               .sync_pool = *sync_pool,
               .idle_pool = *idle_pool,
               .refuses_writes = refuses_writes,
               .refuses_changes = refuses_changes,
               .settings = settings,
               .disk = *disk,
               .on_disk_failure = [this] { on_fatal(kExitDiskFailed); },
               .checkpoint = checkpoint.get(),
               .incarnation = incarnation,
               .propose_isr = [this](Shard& home,
                                     IsrRequest request) { propose_isr(home, std::move(request)); },
               .report_damage = teller_of<DamageRequest>(),
               .report_stall = teller_of<StallRequest>(kStallRequestLevel),
               .report_opened = teller_of<OpenedRequest>(kUnopenedReplicaLevel),
               .throttles = &throttles});
    server->checkpointer = std::make_unique<Checkpointer>(*server->shard, *checkpoint, *disk);
    server->manager =
        std::make_unique<PartitionManager>(*server->shard, *disk, *checkpoint, damage);
    server->scrubber = std::make_unique<Scrubber>(*server->shard, throttles.scrub);
    peers.push_back(server->shard.get());
    shards.push_back(std::move(server));
  }
  const RpcIdentity self{.cluster_id = directory->identity().cluster_id,
                         .node_id = BrokerId{settings.node_id},
                         .directory_id = directory->identity().directory_id,
                         .incarnation = incarnation};
  found_by_shard.resize(count);
  for (auto& server : shards) {
    server->shard->set_peers(peers);
    server->make_replicas(budget, self);
  }
}

StartResult Broker::State::open_cluster() {
  disk_guard = std::make_unique<DiskGuard>(*first().shard, *disk, refuses_writes, refuses_changes);
  disk_guard->make_room_to_start();
  strays = std::make_unique<StrayKeeper>(*first().shard, *disk);
  configs = std::make_unique<ConfigView>(settings);
  std::vector<ShardLoop*> loops;
  for (auto& server : shards) loops.push_back(&server->loop);
  cluster = std::make_unique<ClusterNode>(
      ClusterNode::Surroundings{.settings = settings,
                                .disk = *disk,
                                .checkpoint = *checkpoint,
                                .directory = *directory,
                                .damage = damage,
                                .worker = *metadata_pool,
                                .configs = *configs,
                                .budget = budget,
                                .controller = controller_config(settings),
                                .incarnation = incarnation,
                                .clean = ended_in_order,
                                .shards = static_cast<std::int32_t>(shards.size()),
                                .shard_loops = std::move(loops),
                                .seed = prng.next(),
                                .slot = cluster_slot,
                                .senders = senders},
      cluster_hooks());
  if (auto problem = cluster->open()) return StartFailure{std::move(*problem)};
  services = std::make_unique<Services>(
      Services{.ask_controller =
                   [this](Shard& home, ControllerRequest request, Duration time_max,
                          OnControllerOutcome done) {
                     cluster->ask(home.loop(), std::move(request), time_max, std::move(done));
                   },
               .next_producer_id =
                   [this](Shard& home, std::function<void(Result<ProducerId>)> done) {
                     cluster->next_producer_id(home.loop(), std::move(done));
                   },
               .configs = *configs,
               .disk = *disk,
               .data_path = settings.data});
  auto nothing = std::make_shared<MetadataImage>();
  nothing->cluster_id = directory->identity().cluster_id;
  for (auto& server : shards) {
    server->shard->set_image(nothing);
    serve_shard(*server);
  }
  return success();
}

ClusterNode::Hooks Broker::State::cluster_hooks() {
  return {.show = [this](std::shared_ptr<const MetadataImage> image,
                         std::function<void()> shown) { show(std::move(image), std::move(shown)); },
          .findings = [this] { return findings(); },
          .joined =
              [this](const Uuid& cluster_id) {
                for (auto& server : shards) {
                  server->loop.post([&server, cluster_id] { server->join_cluster(cluster_id); });
                }
              },
          .adopt =
              [this](std::uint32_t lane, int native_handle, const RpcHello& hello) {
                ShardServer& server = *shards[lane - kFirstShardLane];
                server.loop.post([&server, native_handle, hello] {
                  server.adopt_replica(native_handle, hello);
                });
              },
          .nobody_else_led_until =
              [this](const BrokerMoment& until) {
                for (auto& server : shards) {
                  server->loop.post(
                      [&server, until] { server->shard->set_nobody_else_led_until(until); });
                }
              },
          .in_touch =
              [this](bool in_touch, Duration stuck_after) {
                for (auto& server : shards) {
                  server->loop.post([&server, in_touch, stuck_after] {
                    server->shard->set_in_touch(in_touch, stuck_after);
                  });
                }
              },
          .disk_full = [this] { return refuses_changes.load(std::memory_order_relaxed); },
          .kafka_address =
              [this] {
                const auto endpoint = listener->local_endpoint();
                return HostPort{endpoint.address().to_string(), endpoint.port()};
              },
          .serving = [this] { first().loop.post([this] { serve(); }); },
          .failed = [this](const ErrorCode&) { on_fatal(kExitDiskFailed); }};
}

void Broker::State::take_live_settings(const MetadataImage& image) {
  const Instant now = steady_now();
  throttles.leader.set_rate(now, live_number(settings, image, "leader.replication.throttled.rate"));
  throttles.follower.set_rate(now,
                              live_number(settings, image, "follower.replication.throttled.rate"));
  throttles.scrub.set_rate(now, live_number(settings, image, "scrub.bytes.per.second"));
}

void Broker::State::show(std::shared_ptr<const MetadataImage> image, std::function<void()> shown) {
  take_live_settings(*image);
  auto outstanding = std::make_shared<std::atomic<std::size_t>>(shards.size());
  for (auto& server : shards) {
    server->loop.post([this, &server, image, outstanding, shown] {
      server->manager->apply(image, [this, &server, outstanding, shown] {
        note_findings(*server);
        if (outstanding->fetch_sub(1) == 1) shown();
      });
    });
  }
}

// What the shards' logs turned out to lack, as of the last image they were shown.
BrokerFindings Broker::State::findings() {
  const auto of = [](const PartitionKey& key) {
    return PartitionPlace{key.topic_id, key.partition};
  };
  BrokerFindings all;
  const std::lock_guard lock{findings_mutex};
  for (const ReplicaFindings& found : found_by_shard) {
    for (const auto& [place, last_epoch, end] : found.cut) {
      all.cut.push_back({of(place), {last_epoch, end}});
    }
    for (const PartitionKey& place : found.damaged) all.damaged.push_back(of(place));
    for (const PartitionKey& place : found.unopened) all.unopened.push_back(of(place));
  }
  return all;
}

void Broker::State::note_findings(const ShardServer& server) {
  const std::lock_guard lock{findings_mutex};
  found_by_shard[server.shard->index()] = server.manager->findings();
}

void Broker::State::propose_isr(Shard& home, IsrRequest request) {
  ShardServer& server = *shards[home.index()];
  if (!server.isr_requests.add(std::move(request))) return;
  home.loop().at_end_of_turn([this, &server] { send_isr_requests(server); });
}

void Broker::State::send_isr_requests(ShardServer& server) {
  constexpr Duration kWait = std::chrono::seconds{5};
  Shard& home = *server.shard;
  const BrokerImage* self = home.image()->broker(home.broker_id());
  const std::int64_t broker_epoch = self == nullptr ? -1 : self->broker_epoch;
  for (auto& [request, answered] : server.isr_requests.take(home.broker_id(), broker_epoch)) {
    if (self == nullptr) continue;  // it leads nothing any more
    cluster->ask(home.loop(), std::move(request), kWait, std::move(answered));
  }
}

void Broker::State::serve_shard(ShardServer& server) {
  server.dispatcher = std::make_unique<Dispatcher>(*server.shard, *services);
  server.context = std::make_unique<ConnectionContext>(ConnectionContext{
      .shard = server.shard->index(),
      .loop = server.loop,
      .buffers = server.buffers,
      .budget = budget,
      .metrics = server.metrics,
      .limits = connection_limits(settings),
      .on_request = [&server](Request request) { server.dispatcher->dispatch(std::move(request)); },
      .on_http = [this](asio::ip::tcp::socket socket,
                        std::string bytes) { on_http(std::move(socket), std::move(bytes)); },
      .on_move = [this](asio::ip::tcp::socket socket,
                        std::size_t shard) { on_move(std::move(socket), shard); },
      .on_closed = {},
      .open_connections = connections});
  server.connections = std::make_unique<ConnectionTable>(*server.context);
}

StartResult Broker::State::open_listeners() {
  auto opened =
      Listener::open(first().loop, settings.kafka_listen.host, settings.kafka_listen.port);
  if (!opened) {
    return StartFailure{"cannot listen on " + to_text(settings.kafka_listen) +
                        " (kafka.listen): " + opened.error().message() +
                        "; choose another address with --listen HOST:PORT"};
  }
  listener = std::move(opened).value();
  admin = std::make_unique<BrokerAdmin>(BrokerAdmin::Sources{.settings = settings,
                                                             .first = *first().shard,
                                                             .disk = *disk,
                                                             .guard = *disk_guard,
                                                             .budget = budget,
                                                             .damage = damage,
                                                             .strays = *strays,
                                                             .cluster = *cluster});
  for (auto& server : shards) {
    admin->add_shard(*server->shard);
    admin->add_rpc_loop(
        {"shard-" + std::to_string(server->shard->index()), &server->replicas->metrics()});
  }
  admin->add_rpc_loop({"cluster", &cluster->metrics()});
  disk_guard->look_now();
  if (!settings.http_listen.is_none()) {
    auto served = HttpServer::open(
        first().loop.io(),
        {.host = settings.http_listen.host,
         .port = settings.http_listen.port,
         .limits = http_limits,
         .router = {.allowed_names = {settings.http_listen.host, settings.kafka_advertise.host}}},
        *admin, &first().metrics);
    if (!served) {
      return StartFailure{"cannot listen on " + to_text(settings.http_listen) +
                          " (http.listen): " + served.error().message() +
                          "; choose another with --set http.listen=HOST:PORT, or turn it off with "
                          "--set http.listen=none"};
    }
    http = std::move(served).value();
    http_address = to_text(HostPort{settings.http_listen.host, http->port()});
  }
  kafka_port_http = std::make_unique<HttpSessions>(first().loop.io(), HttpSurface::kafka_port,
                                                   RouterConfig{.http_address = http_address},
                                                   http_limits, *admin, &first().metrics);
  const auto endpoint = listener->local_endpoint();
  admin->set_addresses({endpoint.address().to_string(), endpoint.port()}, http_address);
  return success();
}

// By time, and not only with the next line of the kind: a flood that stopped is told of as well.
void Broker::State::tell_suppressed_lines() {
  constexpr Duration kInterval = std::chrono::seconds{5};
  flush_suppressed_lines();
  first().loop.after(kInterval, [this] { tell_suppressed_lines(); });
}

void Broker::State::deal(int native_handle) {
  ShardServer& server = *shards[next_shard++ % shards.size()];
  connections.fetch_add(1, std::memory_order_relaxed);
  const LooseSocket socket{listener->local_endpoint().protocol(), native_handle};
  server.loop.post([&server, socket] { server.connections->adopt(socket.take_up(server.loop)); });
}

void Broker::State::on_http(asio::ip::tcp::socket socket, std::string bytes) {
  // The admin side lives on shard 0: the descriptor moves there.
  first().loop.post([this, loose = LooseSocket{std::move(socket)}, bytes = std::move(bytes)] {
    kafka_port_http->serve(loose.take_up(first().loop), bytes);
  });
}

void Broker::State::on_move(asio::ip::tcp::socket socket, std::size_t shard) {
  ShardServer& server = *shards[shard];
  server.loop.post([&server, loose = LooseSocket{std::move(socket)}] {
    server.connections->adopt_moved(loose.take_up(server.loop));
  });
}

Broker::Broker(Settings settings, OnFatal on_fatal)
    : state_(std::make_unique<State>(std::move(settings), std::move(on_fatal))) {}

// Loops and pools first, so that nothing runs while the rest goes.
Broker::~Broker() {
  State* const state = state_.get();
  if (state->disk_pool != nullptr) state->disk_pool->stop();
  if (state->sync_pool != nullptr) state->sync_pool->stop();
  if (state->idle_pool != nullptr) state->idle_pool->stop();
  if (state->metadata_pool != nullptr) state->metadata_pool->stop();
  if (state->cluster != nullptr) state->cluster->loop().stop_and_join();
  for (auto& server : state->shards) server->loop.stop_and_join();
  state->kafka_port_http.reset();
  state->http.reset();
  state->listener.reset();
}

StartResult Broker::start(std::function<void()> on_serving) {
  State* const state = state_.get();
  state->on_serving = std::move(on_serving);
  STRANDLINE_TRYV(state->open_data());
  state->make_threads();
  STRANDLINE_TRYV(state->open_cluster());
  STRANDLINE_TRYV(state->open_listeners());
  for (auto& server : state->shards) server->loop.start();
  std::latch ready{1};
  state->first().loop.post([state, &ready] {
    state->disk_guard->start();
    state->strays->start();
    state->tell_suppressed_lines();
    for (auto& server : state->shards) {
      server->loop.post([&server] {
        server->checkpointer->start();
        server->scrubber->start();
      });
    }
    ready.count_down();
  });
  ready.wait();
  state->cluster->start();
  return success();
}

template <class Request>
std::function<void(Shard&, const PartitionKey&)> Broker::State::teller_of(std::int32_t level) {
  return [this, level](Shard& home, const PartitionKey& key) {
    // The controller may be of a program that does not know the request.
    if (home.image()->feature_level() >= level) tell_controller<Request>(home, key);
  };
}

template <class Request>
void Broker::State::tell_controller(Shard& home, const PartitionKey& key) {
  constexpr Duration kWait = std::chrono::seconds{30};
  const BrokerImage* self = home.image()->broker(home.broker_id());
  if (self == nullptr) return;
  cluster->ask(home.loop(),
               Request{.broker = self->id,
                       .broker_epoch = self->broker_epoch,
                       .places = {{key.topic_id, key.partition}}},
               kWait, [](const ControllerOutcome&) {});
}

// On the first shard, once this broker takes part.
void Broker::State::serve() {
  admin->set_serving(true);
  listener->start(
      first().metrics,
      [this](RefuseReason& reason) {
        if (connections.load(std::memory_order_relaxed) < settings.max_connections) return true;
        reason = RefuseReason::connections_max;
        log_limited(LogLevel::warn, "net", "connections-max",
                    "connection turned away: max.connections are open",
                    {{"limit", settings.max_connections}});
        return false;
      },
      [this](int fd) { deal(fd); });
  if (on_serving) on_serving();
}

std::string Broker::kafka_address() const {
  const auto endpoint = state_->listener->local_endpoint();
  return to_text(HostPort{endpoint.address().to_string(), endpoint.port()});
}

void Broker::stop() {
  State* const state = state_.get();
  // Others take over first, while clients are still served here.
  std::latch handed_over{1};
  state->cluster->stop([&handed_over] { handed_over.count_down(); });
  handed_over.wait();
  state->cluster->close();
  std::latch closed{static_cast<std::ptrdiff_t>(state->shards.size())};
  state->first().loop.post([state] {
    state->admin->set_serving(false);
    state->listener->close();
    if (state->http != nullptr) state->http->stop();
    state->kafka_port_http->stop();
  });
  for (auto& server : state->shards) {
    server->loop.post([&server, &closed] {
      server->scrubber->stop();
      server->stop_replicas();
      server->connections->close_all(CloseReason::shutdown);
      server->checkpointer->finish([&closed] { closed.count_down(); });
    });
  }
  closed.wait();
  // Nothing is written any more; what workers still have to say must be heard before loops end.
  state->disk_pool->stop();
  state->sync_pool->stop();
  state->idle_pool->stop();
  state->metadata_pool->stop();
  state->cluster->loop().stop_and_join();
  for (auto& server : state->shards) server->loop.stop();
  for (auto& server : state->shards) server->loop.join();
  const Result<void> marked = state->directory->leave_clean_mark();
  if (!marked) {
    log_line(LogLevel::warn, "broker", "the next start will not know that this one ended in order",
             {{"error", marked.error().message()}});
  }
  flush_suppressed_lines(Suppressed::all);
}

std::string Broker::http_address() const { return state_->http_address; }

}  // namespace strandline
