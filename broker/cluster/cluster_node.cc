#include "broker/cluster/cluster_node.h"

#include <algorithm>
#include <future>
#include <set>
#include <utility>

#include "broker/cluster/rpc_addresses.h"
#include "broker/logging/log.h"
#include "broker/partition/admission.h"
#include "broker/partition/shard.h"
#include "protocol/base/errc.h"
#include "replication/metadata/level.h"

namespace strandline {
namespace {

// For the voter that was told to take over.
constexpr Duration kHandOverMax = std::chrono::milliseconds{500};
constexpr Duration kStallWait = std::chrono::milliseconds{1000};
constexpr Duration kProducerIdsWait = std::chrono::seconds{10};

// A silent controller's successor is elected while the session of a broker that fell silent with it
// still goes on: together they take no longer than that broker alone. Three heartbeats fit in.
QuorumConfig quorum_config(const DirectoryIdentity& identity) {
  return {.self = {identity.node_id, identity.directory_id},
          .election_timeout = std::chrono::milliseconds{600},
          .election_spread = std::chrono::milliseconds{300}};
}

}  // namespace

ClusterNode::ClusterNode(Surroundings around, Hooks hooks)
    : around_(std::move(around)),
      hooks_(std::move(hooks)),
      prng_(around_.seed),
      buffers_(around_.budget),
      loop_("cluster", around_.slot, around_.senders),
      context_{.loop = loop_,
               .buffers = buffers_,
               .budget = around_.budget,
               .metrics = metrics_,
               .self = {.cluster_id = around_.directory.identity().cluster_id,
                        .node_id = around_.directory.identity().node_id,
                        .directory_id = around_.directory.identity().directory_id,
                        .incarnation = around_.incarnation,
                        .feature_level_min = 1,
                        .feature_level_max = static_cast<std::uint32_t>(kMetadataVersion)},
               .limits = {}} {
  links_ = std::make_unique<ClusterLinks>(
      context_, static_cast<std::uint32_t>(around_.shards) + 1,
      ClusterLinks::Hooks{
          .hand_over =
              [this](int native_handle, const RpcHello& hello) {
                hooks_.adopt(hello.lane, native_handle, hello);
              },
          .admit = [this](const RpcHello& hello) { return admit(hello); },
          .on_message =
              [this](const QuorumMessage& message) {
                if (node_ != nullptr) node_->receive(message);
              },
          .on_request =
              [this](const RpcIdentity&, ControllerRequest request, ClusterLinks::Respond respond) {
                if (controller_ != nullptr) {
                  return controller_->serve(std::move(request), std::move(respond));
                }
                respond({.error = make_error_code(Errc::not_controller),
                         .error_text = "this broker is starting",
                         .reply = {}});
              },
          .on_connected =
              [this](const RpcIdentity& peer) {
                if (node_ != nullptr) node_->peer_found({peer.node_id, peer.directory_id});
              },
          .on_lost =
              [this](BrokerId broker) {
                if (node_ != nullptr) node_->peer_lost(broker);
                if (controller_ != nullptr) controller_->connection_lost(broker);
              }});
}

ClusterNode::~ClusterNode() { loop_.stop_and_join(); }

// --- coming up

std::optional<std::string> ClusterNode::open() {
  if (auto problem = listen()) return problem;
  if (around_.directory.identity().cluster_id.is_zero()) return std::nullopt;
  auto opened = open_log();
  if (!opened && is_out_of_room(opened.error())) {
    return "cannot write to the metadata log in '" + around_.settings.data +
           "': " + opened.error().message() +
           "; free a megabyte on that file system, and topics can be deleted";
  }
  if (!opened) {
    return "cannot read the metadata log in '" + around_.settings.data +
           "/__cluster_metadata-0': " + opened.error().message() +
           "; nothing was changed. Lines above name the place; see docs/operations.md, 'Repair'";
  }
  opened_ = std::move(opened).value();
  return std::nullopt;
}

std::optional<std::string> ClusterNode::listen() {
  const RpcAddresses addresses = rpc_addresses(around_.settings);
  if (addresses.listen.is_none()) return std::nullopt;
  const auto listening = links_->listen(addresses.listen.host, addresses.listen.port);
  if (!listening) {
    return "cannot listen on " + to_text(addresses.listen) +
           " (rpc.listen): " + listening.error().message() +
           "; choose another address with --set rpc.listen=HOST:PORT";
  }
  rpc_ = addresses.advertise;
  if (rpc_->port == 0) rpc_->port = listening.value().port();
  return std::nullopt;
}

Result<ClusterNode::OpenedLog> ClusterNode::open_log() {
  const DirectoryIdentity& identity = around_.directory.identity();
  OpenedLog opened{.log = {},
                   .start = {.quorum = {.vote = {}, .log = QuorumLog{{}, {}}, .incarnation = 0},
                             .snapshot = {}}};
  STRANDLINE_TRY(opened.log, MetadataLog::open(around_.disk, around_.checkpoint,
                                               {.cluster_id = identity.cluster_id,
                                                .self = {identity.node_id, identity.directory_id},
                                                .rpc = rpc_,
                                                .joined = identity.joined},
                                               wall_now(), around_.damage, MetadataLog::Options{},
                                               opened.start));
  return Result<OpenedLog>{std::move(opened)};
}

ClusterSeeds ClusterNode::seeds() const {
  ClusterSeeds seeds;
  std::string ignored;
  const auto voters = parse_voters(around_.settings.cluster_voters, ignored);
  for (const NamedVoter& voter : voters.value_or(std::vector<NamedVoter>{})) {
    seeds.voters.push_back({voter.rpc, voter.node});
  }
  if (!around_.settings.cluster_join.is_none()) seeds.join.push_back(around_.settings.cluster_join);
  return seeds;
}

void ClusterNode::start() {
  loop_.start();
  loop_.post([this] {
    watch_ = std::make_unique<ShardWatch>(loop_, around_.shard_loops,
                                          std::chrono::milliseconds{around_.settings.disk_stall_ms},
                                          [this](std::size_t shard) { shard_is_stuck(shard); });
    watch_->start();
    if (opened_) return make_node(std::move(*std::exchange(opened_, std::nullopt)));
    entry_ = std::make_unique<ClusterEntry>(
        loop_, *links_, context_.self.node_id, seeds(), make_uuid(prng_),
        [this](const ClusterEntry::Found& found) { enter(found); });
    entry_->start();
  });
}

// The directory belongs to the cluster before anything of the cluster is written into it.
void ClusterNode::enter(const ClusterEntry::Found& found) {
  voters_wanted_ = found.voters;
  around_.worker.submit([this, found] {
    const Result<void> adopted = around_.directory.adopt(found.cluster_id, found.joined);
    auto opened = std::make_shared<Result<OpenedLog>>(adopted ? open_log()
                                                              : Result<OpenedLog>{adopted.error()});
    loop_.post([this, opened] {
      if (closed_) return;
      if (!*opened) {
        log_line(LogLevel::error, "cluster", "cannot begin the metadata log",
                 {{"error", opened->error().message()}});
        return hooks_.failed(opened->error());
      }
      context_.self.cluster_id = around_.directory.identity().cluster_id;
      hooks_.joined(context_.self.cluster_id);
      make_node(std::move(*opened).value());
    });
  });
}

void ClusterNode::make_node(OpenedLog opened) {
  const DirectoryIdentity& identity = around_.directory.identity();
  node_ = std::make_unique<MetadataNode>(
      loop_, around_.worker, around_.disk, std::move(opened.log), std::move(opened.start),
      MetadataNode::Config{.quorum = quorum_config(identity),
                           .controller = around_.controller,
                           .cluster_id = identity.cluster_id,
                           .seed = prng_.next(),
                           .feature_level_max = feature_level_max()},
      node_hooks());
  const Settings& settings = around_.settings;
  controller_ = std::make_unique<ControllerServer>(
      loop_, *node_, around_.configs,
      ControllerServer::Config{
          .self = identity.node_id,
          .sessions = {.session_timeout =
                           std::chrono::milliseconds{settings.broker_session_timeout_ms}},
          .balance_leaders = settings.leader_balance_enable,
          .voters_wanted = voters_wanted_},
      [this](BrokerId broker) { return links_->is_connected(broker); });
  client_ = std::make_unique<ControllerClient>(
      loop_, *node_, *links_, [this](ControllerRequest request, ClusterLinks::Respond respond) {
        controller_->serve(std::move(request), std::move(respond));
      });
  lifecycle_ = std::make_unique<BrokerLifecycle>(
      loop_, *node_, *client_,
      BrokerLifecycle::Config{
          .start = {.broker = identity.node_id,
                    .incarnation = around_.incarnation,
                    .directory = identity.directory_id,
                    .advertised = advertised(),
                    .rpc = rpc_,
                    .rack = settings.rack.empty() ? std::optional<std::string>{}
                                                  : std::optional{settings.rack},
                    .clean = around_.clean,
                    .shards = around_.shards,
                    .metadata_version_max = feature_level_max()},
          .stop_wait_max = std::chrono::milliseconds{settings.controlled_shutdown_max_ms},
          .session_timeout = std::chrono::milliseconds{settings.broker_session_timeout_ms}},
      BrokerLifecycle::Hooks{.findings = hooks_.findings,
                             .serving = hooks_.serving,
                             .nobody_else_led_until = hooks_.nobody_else_led_until,
                             .in_touch = hooks_.in_touch});
  update_targets();
  update_feature_level();
  node_->start();
  if (stop_wanted_) stop(std::exchange(stop_wanted_, nullptr));
}

// What other brokers tell clients. None of a broker that keeps to itself: it tells each the address
// that it came to.
std::optional<HostPort> ClusterNode::advertised() const {
  if (!around_.settings.kafka_advertise.is_none()) return around_.settings.kafka_advertise;
  if (!rpc_) return std::nullopt;
  HostPort address = hooks_.kafka_address();
  const bool is_every = address.host.empty() || address.host == "0.0.0.0" || address.host == "::";
  if (is_every) address.host = rpc_->host;
  return address;
}

MetadataNode::Hooks ClusterNode::node_hooks() {
  return {.send = [this](const ReplicaKey& to,
                         const QuorumMessage& message) { links_->send(to, message); },
          .find_leader = [this](const FollowRequest& request) { links_->send_to_all(request); },
          .ask_leader =
              [this](const Voter& leader, const FollowRequest& request) {
                asked_leader_ = ClusterLinks::Target{leader.rpc, leader.key.node};
                update_targets();
                links_->send(leader.key, request);
              },
          .show =
              [this](std::shared_ptr<const MetadataImage> image, std::function<void()> shown) {
                hooks_.show(std::move(image), [this, shown = std::move(shown)] {
                  loop_.post([this, shown] {
                    shown();
                    image_shown();
                  });
                });
              },
          .disk_full = [this] { return hooks_.disk_full(); },
          .gained_control = [this] { controller_->gained_control(); },
          .lost_control = [this] { controller_->lost_control(); },
          .leader_changed =
              [this] {
                const std::optional<ReplicaKey>& leader = node_->quorum().leader();
                controller_id_.store(leader ? leader->node.value() : -1, std::memory_order_relaxed);
                update_targets();
                client_->leader_changed();
                if (lifecycle_ != nullptr) lifecycle_->leader_changed();
                if (leader && leader->node != context_.self.node_id) handed_over_now();
              },
          .committed =
              [this] {
                update_targets();
                update_feature_level();
                if (lifecycle_ != nullptr) lifecycle_->committed();
              },
          .failed = [this](const ErrorCode& error) { hooks_.failed(error); }};
}

// The logs that the cluster knows of are open once an image of a leader of this life was shown:
// what an older one named may have changed since.
void ClusterNode::image_shown() {
  if (node_->shown_end() > Offset{0} && node_->quorum().leader()) lifecycle_->logs_are_open();
}

// Voters, and whoever leads; before any is known, whom this broker was told of.
void ClusterNode::update_targets() {
  std::set<ClusterLinks::Target> targets;
  const VoterSet& voters = node_->quorum().voters();
  for (const Voter& voter : voters.all()) {
    if (voter.key.node == context_.self.node_id || voter.rpc.is_none()) continue;
    targets.insert({voter.rpc, voter.key.node});
  }
  if (targets.empty() && !voters.contains({context_.self.node_id, context_.self.directory_id})) {
    targets = ClusterEntry::targets(seeds(), context_.self.node_id);
  }
  if (asked_leader_ && asked_leader_->node != context_.self.node_id) {
    const bool is_voter = voters.find(asked_leader_->node) != nullptr;
    if (is_voter) {
      asked_leader_.reset();
    } else {
      targets.insert(*asked_leader_);
    }
  }
  links_->set_targets(targets);
}

// What it agrees to; what it can work at goes into the handshake.
std::int32_t ClusterNode::feature_level_max() const {
  const std::int32_t wanted = around_.settings.feature_level_max;
  return wanted == 0 ? kMetadataVersion : std::min(wanted, kMetadataVersion);
}

// A level that is finalised is not left again: who cannot work at it is not talked to from here on.
void ClusterNode::update_feature_level() {
  const auto level = static_cast<std::uint32_t>(node_->image()->feature_level());
  if (level <= context_.self.feature_level_min) return;
  context_.self.feature_level_min = level;
  log_line(LogLevel::info, "cluster", "the feature level is finalised", {{"level", level}});
}

std::optional<RpcRefusal> ClusterNode::admit(const RpcHello& hello) const {
  return node_ == nullptr ? std::nullopt : refuse_impostor(*node_->image(), hello.self);
}

// --- asked by shards

void ClusterNode::ask(ShardLoop& home, ControllerRequest request, Duration time_max,
                      OnControllerOutcome done) {
  auto shared = std::make_shared<ControllerRequest>(std::move(request));
  loop_.post([this, &home, shared, time_max, done = std::move(done)]() mutable {
    if (client_ != nullptr) {
      return client_->ask_from(home, std::move(*shared), time_max, std::move(done));
    }
    home.post([done = std::move(done)] {
      done({.error = make_error_code(Errc::not_controller),
            .error_text = "this broker has not found its cluster yet",
            .reply = {}});
    });
  });
}

void ClusterNode::next_producer_id(ShardLoop& home, std::function<void(Result<ProducerId>)> done) {
  loop_.post([this, &home, done = std::move(done)] {
    want_ids_.push_back(
        [&home, done](const Result<ProducerId>& id) { home.post([done, id] { done(id); }); });
    want_producer_ids();
  });
}

void ClusterNode::describe(ShardLoop& home, std::function<void(QuorumView)> done) {
  loop_.post(
      [this, &home, done = std::move(done)] { home.post([done, told = view()] { done(told); }); });
}

QuorumView ClusterNode::view() const {
  QuorumView view{.node_id = context_.self.node_id.value(),
                  .role = "starting",
                  .metadata_version_max = kMetadataVersion};
  if (node_ == nullptr) return view;
  const Quorum& quorum = node_->quorum();
  switch (quorum.role()) {
    case QuorumRole::follower: view.role = "follower"; break;
    case QuorumRole::prospective: view.role = "prospective"; break;
    case QuorumRole::candidate: view.role = "candidate"; break;
    case QuorumRole::leader: view.role = "leader"; break;
  }
  if (quorum.leader()) view.leader_id = quorum.leader()->node.value();
  view.epoch = quorum.epoch().value();
  view.uncertain = quorum.is_uncertain();
  view.committed_end = quorum.committed().value();
  view.log_end = quorum.log_end().value();
  view.shown_end = node_->shown_end().value();
  view.metadata_version = node_->image()->feature_level();
  const Instant now = steady_now();
  std::map<ReplicaKey, QuorumMemberView> members;
  for (const Voter& voter : quorum.voters().all()) {
    members[voter.key] = {.node_id = voter.key.node.value(),
                          .directory_id = to_text(voter.key.directory),
                          .rpc_address = to_text(voter.rpc),
                          .voter = true};
  }
  for (const Quorum::Replica& replica : quorum.replicas()) {
    QuorumMemberView& member = members[replica.key];
    member.node_id = replica.key.node.value();
    member.directory_id = to_text(replica.key.directory);
    member.flushed_end = replica.flushed.value();
    if (!replica.heard) continue;
    member.heard_ms_ago =
        std::chrono::duration_cast<std::chrono::milliseconds>(now - *replica.heard).count();
  }
  const ReplicaKey self{context_.self.node_id, context_.self.directory_id};
  QuorumMemberView& own = members[self];
  own.node_id = self.node.value();
  own.directory_id = to_text(self.directory);
  own.flushed_end = quorum.flushed().value();
  own.heard_ms_ago = 0;
  for (auto& [key, member] : members) view.members.push_back(std::move(member));
  return view;
}

void ClusterNode::want_producer_ids() {
  while (!want_ids_.empty()) {
    const std::optional<ProducerId> id = producer_ids_.take();
    if (!id) break;
    want_ids_.back()(*id);
    want_ids_.pop_back();
  }
  if (want_ids_.empty() || std::exchange(asking_for_ids_, true)) return;
  client_->ask(ProducerIdsRequest{context_.self.node_id}, kProducerIdsWait,
               [this](const ControllerOutcome& outcome) { give_producer_ids(outcome); });
}

void ClusterNode::give_producer_ids(const ControllerOutcome& outcome) {
  asking_for_ids_ = false;
  const auto* reply = std::get_if<ProducerIdsReply>(&outcome.reply.answer);
  if (!outcome.error && reply != nullptr) {
    producer_ids_.refill(reply->block);
    return want_producer_ids();
  }
  const auto waiting = std::exchange(want_ids_, {});
  const ErrorCode error =
      outcome.error ? outcome.error : make_error_code(Errc::unknown_server_error);
  for (const auto& done : waiting) done(error);
}

// --- going down

void ClusterNode::stop(std::function<void()> done) {
  loop_.post([this, done = std::move(done)]() mutable {
    if (entry_ != nullptr && node_ == nullptr) {
      entry_->close();
      return done();
    }
    if (lifecycle_ == nullptr) {
      stop_wanted_ = std::move(done);
      return;
    }
    lifecycle_->stop([this, done = std::move(done)]() mutable { hand_over(std::move(done)); });
  });
}

// Of the voters that could decide in this one's place, the one that has most.
std::optional<ReplicaKey> ClusterNode::heir() const {
  std::optional<ReplicaKey> best;
  Offset best_end{-1};
  for (const Quorum::Replica& replica : node_->quorum().replicas()) {
    const bool is_better =
        replica.is_voter && replica.flushed > best_end && links_->is_connected(replica.key.node);
    if (!is_better) continue;
    best = replica.key;
    best_end = replica.flushed;
  }
  return best;
}

// Who decides lets another do so before it goes: that takes a message, an election by time-out
// more.
void ClusterNode::hand_over(std::function<void()> done) {
  const std::optional<ReplicaKey> best = heir();
  const bool is_told =
      node_->quorum().leads() && best && node_->transfer_leadership(*best) == Errc::ok;
  if (!is_told) return done();
  handed_over_ = std::move(done);
  loop_.after(kHandOverMax, [this] { handed_over_now(); });
}

void ClusterNode::handed_over_now() {
  if (handed_over_) std::exchange(handed_over_, nullptr)();
}

void ClusterNode::shard_is_stuck(std::size_t shard) {
  if (closed_ || node_ == nullptr) return;
  const std::shared_ptr<const MetadataImage>& image = node_->image();
  const BrokerImage* const self = image->broker(context_.self.node_id);
  // Before it has registered it opens its logs, and leads nothing.
  if (self == nullptr || self->incarnation != around_.incarnation) return;
  log_limited(LogLevel::warn, "cluster", "stuck",
              "a shard does not come back: it waits for a disk that hangs, or for a processor; "
              "others are asked to lead what it leads",
              {{"shard", shard}});
  // What is decided here is answered when the shards here serve it.
  const std::optional<ReplicaKey> best = heir();
  if (node_->quorum().leads() && best) (void)node_->transfer_leadership(*best);
  StallRequest request{.broker = self->id, .broker_epoch = self->broker_epoch, .places = {}};
  const auto shards = static_cast<std::size_t>(around_.shards);
  for (const TopicPtr& topic : image->topics_sorted()) {
    for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
      const PartitionIndex index{static_cast<std::int32_t>(i)};
      const bool is_led_there = topic->partitions[i].leader == self->id &&
                                Shard::place_among(topic->id, index, shards) == shard;
      if (is_led_there) request.places.push_back({topic->id, index});
    }
  }
  if (request.places.empty() || image->feature_level() < kStallRequestLevel) return;
  client_->ask(std::move(request), kStallWait, [](const ControllerOutcome&) {});
}

void ClusterNode::close() {
  std::promise<void> closed;
  loop_.post([this, &closed] {
    closed_ = true;
    if (watch_ != nullptr) watch_->stop();
    if (lifecycle_ != nullptr) lifecycle_->close();
    if (client_ != nullptr) client_->close();
    if (controller_ != nullptr) controller_->close();
    links_->close();
    closed.set_value();
  });
  closed.get_future().wait();
}

}  // namespace strandline
