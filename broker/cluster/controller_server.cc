#include "broker/cluster/controller_server.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "broker/handlers/controller_requests.h"
#include "broker/handlers/elect_leaders.h"
#include "broker/logging/log.h"
#include "protocol/base/errc.h"
#include "replication/metadata/drain_plan.h"

namespace strandline {
namespace {

constexpr Duration kTick = std::chrono::milliseconds{250};
constexpr Duration kProbeWait = std::chrono::milliseconds{250};
// Voters of a cluster that was told no number.
constexpr std::int32_t kVotersWanted = 3;
constexpr std::size_t kBalancedAtOnce = 200;

ControllerOutcome failure(Errc code, std::string text) {
  return {.error = make_error_code(code), .error_text = std::move(text), .reply = {}};
}

std::string numbers(const std::vector<BrokerId>& brokers) {
  std::string text;
  for (const BrokerId id : brokers) text += (text.empty() ? "" : ", ") + std::to_string(id.value());
  return text;
}

void log_unclean_elections(const MetadataImage& before, std::span<const MetadataRecord> records) {
  for (const UncleanElection& election : unclean_elections(before, records)) {
    log_line(LogLevel::warn, "controller",
             "an unclean election: acknowledged records that only others have are given up",
             {{"topic", election.topic},
              {"partition", election.partition},
              {"leader", election.leader},
              {"given_up", numbers(election.given_up)}});
  }
}

std::string_view reason_text(FenceReason reason) {
  switch (reason) {
    case FenceReason::silence: return "it is not heard from";
    case FenceReason::process_gone: return "its process is gone";
    case FenceReason::ended: return "it has ended";
  }
  return "";
}

}  // namespace

ControllerServer::ControllerServer(ShardLoop& loop, MetadataNode& node, const ConfigView& configs,
                                   Config config, std::function<bool(BrokerId)> is_connected)
    : loop_(loop),
      node_(node),
      configs_(configs),
      config_(config),
      is_connected_(std::move(is_connected)) {}

ControllerServer::~ControllerServer() = default;

void ControllerServer::gained_control() {
  if (closed_) return;
  sessions_.emplace(config_.sessions);
  std::optional<DeposedController> before;
  if (const auto& heard = node_.quorum().heard_leader()) {
    before = DeposedController{heard->key.node, heard->at};
  }
  sessions_->on_became_active(steady_now(), node_.controller().image().brokers, before);
  // Whoever went together with the last controller is found out at once.
  for (const auto& [id, broker] : node_.controller().image().brokers) {
    const bool is_near = id == config_.self || broker.fenced || is_connected_(id);
    if (!is_near) sessions_->on_connection_lost(steady_now(), id);
  }
  registered_at_.clear();
  heartbeats_ = HeartbeatLedger{};
  balanced_at_ = steady_now();
  cut_since_.reset();
  changing_voters_ = false;
  log_line(LogLevel::info, "controller", "this broker is the controller now",
           {{"epoch", node_.quorum().epoch()}});
  run_sessions();
  tick();
}

void ControllerServer::lost_control() {
  sessions_.reset();
  probes_.clear();
  if (session_timer_) loop_.cancel(*std::exchange(session_timer_, std::nullopt));
  if (ticker_) loop_.cancel(*std::exchange(ticker_, std::nullopt));
  log_line(LogLevel::info, "controller", "this broker is not the controller any more");
}

void ControllerServer::close() {
  closed_ = true;
  if (sessions_) lost_control();
}

void ControllerServer::serve(ControllerRequest request, ClusterLinks::Respond respond) {
  if (!node_.is_controller()) {
    return respond(failure(Errc::not_controller, "another broker is the controller, or none yet"));
  }
  std::visit([&](auto& one) { on(std::move(one), std::move(respond)); }, request);
}

template <class Decide, class Answer>
void ControllerServer::decide(Decide decide, Answer answer, ClusterLinks::Respond respond) {
  node_.decide(std::move(decide), [this, answer = std::move(answer),
                                   respond = std::move(respond)](const ErrorCode& error) {
    if (error) return respond({.error = error, .error_text = {}, .reply = {}});
    respond({.error = {},
             .error_text = {},
             .reply = {.metadata_end = node_.committed_end(), .answer = answer()}});
  });
}

template <class Decide>
void ControllerServer::decide_by_itself(Decide decide) {
  node_.decide(std::move(decide), [](const ErrorCode&) {});
}

// --- requests

void ControllerServer::on(RegisterRequest request, ClusterLinks::Respond respond) {
  const MetadataImage& now = node_.controller().image();
  const BrokerId id = request.start.broker;
  const BrokerImage* known = now.broker(id);
  const bool is_other = known != nullptr && !known->directory.is_zero() &&
                        known->directory != request.start.directory;
  if (is_other && !known->fenced) {
    return respond(failure(Errc::duplicate_broker_registration,
                           "a broker with this node.id lives, with another data directory: give "
                           "one of them another node.id"));
  }
  // A lone broker leads at once what it has; in a cluster it first has to know what is going on.
  const bool is_alone =
      std::ranges::all_of(now.brokers, [&](const auto& entry) { return entry.first == id; });
  request.start.fenced = !is_alone;
  auto reply = std::make_shared<RegisterReply>(
      RegisterReply{known == nullptr ? 0 : known->broker_epoch + 1});
  decide(
      [&](Controller& controller) {
        return controller.register_broker(request.start, request.findings);
      },
      [reply] { return *reply; }, std::move(respond));
  if (!sessions_) return;
  registered_at_[id] = node_.log_end();
  sessions_->on_registered(steady_now(), id, reply->broker_epoch);
  log_line(LogLevel::info, "controller", "a broker has registered",
           {{"broker", id},
            {"epoch", reply->broker_epoch},
            {"cut_logs", request.findings.cut.size()},
            {"damaged", request.findings.damaged.size()},
            {"unopened", request.findings.unopened.size()}});
  run_sessions();
}

void ControllerServer::on(const HeartbeatRequest& request, ClusterLinks::Respond respond) {
  const SessionAnswer session =
      sessions_->on_heartbeat(steady_now(), request.broker, request.broker_epoch);
  run_sessions();
  if (session != SessionAnswer::known) {
    return respond(failure(Errc::stale_broker_epoch, "the broker has to register again"));
  }
  if (request.wants_to_stop) {
    return decide([&](Controller& controller) { return controller.stop_broker(request.broker); },
                  [] { return HeartbeatReply{.fenced = false, .may_stop = true, .vouched = {}}; },
                  std::move(respond));
  }
  unfence_if_caught_up(request);
  const BrokerImage* broker = node_.image()->broker(request.broker);
  const Instant now = steady_now();
  const VouchedHeartbeat vouched = heartbeats_.on_heartbeat(
      now, request.broker, request.broker_epoch, request.number, node_.log_end(),
      node_.quorum().led_at(now).value_or(Instant::min()));
  // Answered at once: what is not committed yet does not hold up a heartbeat.
  respond({.error = {},
           .error_text = {},
           .reply = {.metadata_end = Offset{0},
                     .answer = HeartbeatReply{.fenced = broker == nullptr || broker->fenced,
                                              .vouched = vouched}}});
}

void ControllerServer::unfence_if_caught_up(const HeartbeatRequest& request) {
  const BrokerImage* broker = node_.controller().image().broker(request.broker);
  if (broker == nullptr || !broker->fenced) return;
  const auto registered = registered_at_.find(request.broker);
  // One that registered with an earlier controller: that is committed.
  const Offset wanted =
      registered == registered_at_.end() ? node_.committed_end() : registered->second;
  if (request.shown_end < wanted) return;
  log_line(LogLevel::info, "controller", "a broker is up to date and takes part",
           {{"broker", request.broker}});
  decide_by_itself(
      [&](Controller& controller) { return controller.unfence_broker(request.broker); });
}

void ControllerServer::on(const AlterIsrRequest& request, ClusterLinks::Respond respond) {
  auto reply = std::make_shared<AlterIsrReply>();
  decide(
      [&](Controller& controller) {
        auto decision =
            controller.alter_isr(request.broker, request.broker_epoch, request.alterations);
        for (IsrAnswer& answer : decision.items) {
          reply->answers.push_back({.outcome = std::move(answer.outcome),
                                    .at_fault = answer.at_fault,
                                    .partition_epoch = answer.partition.partition_epoch,
                                    .isr = answer.partition.isr,
                                    .leader_epoch = answer.partition.leader_epoch,
                                    .min_insync_replicas = answer.min_insync_replicas});
        }
        return std::move(decision.records);
      },
      [reply] { return std::move(*reply); }, std::move(respond));
}

void ControllerServer::on(const ProducerIdsRequest& request, ClusterLinks::Respond respond) {
  auto decision = std::make_shared<ProducerIdsDecision>();
  decide(
      [&](Controller& controller) {
        *decision = controller.allocate_producer_ids(request.broker);
        return decision->records;
      },
      [decision] { return ProducerIdsReply{decision->block}; },
      [decision, respond = std::move(respond)](ControllerOutcome outcome) {
        if (outcome.error || decision->outcome.ok()) return respond(std::move(outcome));
        respond(failure(decision->outcome.code, decision->outcome.message));
      });
}

void ControllerServer::on(const AutoCreateRequest& request, const ClusterLinks::Respond& respond) {
  decide(
      [&](Controller& controller) {
        auto decision = controller.auto_create_topics(request.names);
        for (const CreatedTopic& topic : decision.items) {
          // Another client was faster where no number of partitions was chosen here.
          if (!topic.outcome.ok() || topic.num_partitions < 0) continue;
          log_line(LogLevel::info, "metadata", "topic created because a client named it",
                   {{"topic", topic.name}, {"partitions", topic.num_partitions}});
        }
        return std::move(decision.records);
      },
      [] { return AutoCreateReply{}; }, respond);
}

void ControllerServer::on(const ForwardRequest& request, const ClusterLinks::Respond& respond) {
  auto reply = std::make_shared<ForwardReply>();
  auto refused = std::make_shared<ErrorCode>();
  decide(
      [&](Controller& controller) {
        auto decided = decide_kafka_request(controller, configs_, request.frame);
        if (!decided) {
          *refused = decided.error();
          return std::vector<MetadataRecord>{};
        }
        log_unclean_elections(controller.image(), decided.value().records);
        reply->frame = std::move(decided.value().frame);
        return std::move(decided.value().records);
      },
      [reply] { return std::move(*reply); },
      [refused, respond](ControllerOutcome outcome) {
        if (!outcome.error && *refused) outcome.error = *refused;
        respond(std::move(outcome));
      });
}

// Answered as all decisions are: by a controller that most voters still follow.
void ControllerServer::on(const SafeToStopRequest& request, ClusterLinks::Respond respond) {
  auto reply = std::make_shared<SafeToStopReply>();
  decide(
      [&](const Controller& controller) {
        reply->answer = controller.safe_to_stop(request.broker, quorum_standing());
        return std::vector<MetadataRecord>{};
      },
      [reply] { return std::move(*reply); }, std::move(respond));
}

QuorumStanding ControllerServer::quorum_standing() const {
  const Quorum& quorum = node_.quorum();
  QuorumStanding standing{.voters = {}, .alive = {config_.self}};
  for (const Voter& voter : quorum.voters().all()) standing.voters.push_back(voter.key.node);
  const Instant oldest = steady_now() - config_.sessions.session_timeout;
  for (const Quorum::Replica& replica : quorum.replicas()) {
    // A broker that came back with an empty directory is not the voter of the same number.
    const bool is_heard = replica.heard && *replica.heard >= oldest;
    if (replica.is_voter && is_heard) standing.alive.push_back(replica.key.node);
  }
  return standing;
}

void ControllerServer::on(const DrainRequest& request, ClusterLinks::Respond respond) {
  auto reply = std::make_shared<DrainReply>();
  decide(
      [&](const Controller& controller) {
        DrainPlan plan = drain_plan(controller.image(), request.broker);
        auto decision = controller.reassign(plan.moves);
        for (Outcome& item : decision.items) {
          if (plan.outcome.ok() && !item.ok()) plan.outcome = std::move(item);
        }
        reply->outcome = std::move(plan.outcome);
        if (!reply->outcome.ok()) return std::vector<MetadataRecord>{};
        reply->moving = static_cast<std::int64_t>(plan.moves.size()) + plan.leaving;
        log_line(LogLevel::info, "controller", "everything is taken off a broker",
                 {{"broker", request.broker}, {"partitions", reply->moving}});
        return std::move(decision.records);
      },
      [reply] { return std::move(*reply); }, std::move(respond));
}

void ControllerServer::on(const DamageRequest& request, const ClusterLinks::Respond& respond) {
  decide(
      [&](Controller& controller) {
        return controller.note_damage(request.broker, request.broker_epoch, request.places);
      },
      [] { return DamageReply{}; }, respond);
}

void ControllerServer::on(const StallRequest& request, const ClusterLinks::Respond& respond) {
  decide(
      [&](Controller& controller) {
        return controller.note_stall(request.broker, request.broker_epoch, request.places);
      },
      [] { return StallReply{}; }, respond);
}

void ControllerServer::on(const OpenedRequest& request, const ClusterLinks::Respond& respond) {
  decide(
      [&](Controller& controller) {
        return controller.note_opened(request.broker, request.broker_epoch, request.places);
      },
      [] { return OpenedReply{}; }, respond);
}

// --- sessions

void ControllerServer::connection_lost(BrokerId broker) {
  if (!sessions_) return;
  sessions_->on_connection_lost(steady_now(), broker);
  run_sessions();
}

void ControllerServer::run_sessions() {
  if (!sessions_) return;
  for (const SessionEffect& effect : sessions_->take_effects()) {
    if (const auto* wanted = std::get_if<ProbeBroker>(&effect)) {
      probe(*wanted);
    } else {
      fence(std::get<FenceBroker>(effect));
    }
    if (!sessions_) return;
  }
  if (session_timer_) loop_.cancel(*std::exchange(session_timer_, std::nullopt));
  const std::optional<Instant> next = sessions_->next_timeout();
  if (!next) return;
  session_timer_ = loop_.after(std::max(Duration{0}, *next - steady_now()), [this] {
    session_timer_.reset();
    sessions_->on_timeout(steady_now());
    run_sessions();
  });
}

void ControllerServer::probe(const ProbeBroker& wanted) {
  const BrokerImage* broker = node_.controller().image().broker(wanted.broker);
  const auto told = [this, wanted](ProbeResult result) {
    if (!sessions_) return;
    sessions_->on_probe(steady_now(), wanted.broker, wanted.broker_epoch, result);
    run_sessions();
  };
  if (broker == nullptr || !broker->rpc) return loop_.post([told] { told(ProbeResult::silent); });
  probes_[wanted.broker] = std::make_unique<Probe>(loop_, *broker->rpc, kProbeWait, told);
}

void ControllerServer::fence(const FenceBroker& wanted) {
  const BrokerImage* broker = node_.controller().image().broker(wanted.broker);
  if (broker == nullptr || broker->fenced || broker->broker_epoch != wanted.broker_epoch) return;
  log_line(LogLevel::warn, "controller", "a broker is fenced: others lead what it led",
           {{"broker", wanted.broker}, {"why", reason_text(wanted.reason)}});
  decide_by_itself([&](Controller& controller) { return controller.fence_broker(wanted.broker); });
}

// --- from time to time

void ControllerServer::tick() {
  if (!node_.is_controller() || closed_) return;
  ticker_ = loop_.after(kTick, [this] {
    ticker_.reset();
    tick();
  });
  care_for_voters();
  raise_feature_level();
  balance_leaders();
  end_waits_for_cut_replicas();
}

// Voters are added while there are fewer than wanted; two are as fragile as one and the other, so
// the second is added only with a third in sight. A voter whose directory is gone makes room.
void ControllerServer::care_for_voters() {
  if (changing_voters_) return;
  const MetadataImage& image = node_.controller().image();
  const VoterSet& voters = node_.quorum().voters();
  const std::int32_t told = image.voters.wanted > 0 ? image.voters.wanted : config_.voters_wanted;
  const std::int32_t wanted = told > 0 ? told : kVotersWanted;
  std::optional<VoterSet> next;
  std::vector<Voter> candidates;
  for (const auto& [id, broker] : image.brokers) {
    if (broker.fenced || !broker.rpc || broker.directory.is_zero()) continue;
    const Voter voter{{id, broker.directory}, *broker.rpc};
    const Voter* here = voters.find(id);
    if (here == nullptr) {
      candidates.push_back(voter);
    } else if (here->key != voter.key) {
      next = voters.without(here->key);
      break;
    } else if (here->rpc != voter.rpc) {
      next = voters.with(voter);
      break;
    }
  }
  const auto missing = static_cast<std::size_t>(
      std::max<std::int64_t>(0, wanted - static_cast<std::int64_t>(voters.size())));
  const std::size_t needed = voters.size() % 2 == 1 ? 2 : 1;
  if (!next && missing > 0 && candidates.size() >= std::min(needed, missing)) {
    next = voters.with(candidates.front());
  }
  if (!next || *next == voters) return;
  changing_voters_ = true;
  node_.change_voters(record_of(*next, wanted), [this](const ErrorCode& error) {
    changing_voters_ = false;
    if (error) return;
    log_line(LogLevel::info, "controller", "the voters on the metadata have changed",
             {{"voters", node_.quorum().voters().size()}});
    // Two voters are as fragile as one: the third is not left to the next turn.
    if (node_.is_controller()) care_for_voters();
  });
}

void ControllerServer::raise_feature_level() {
  if (node_.controller().raise_level().empty()) return;
  decide_by_itself([](Controller& controller) { return controller.raise_level(); });
}

void ControllerServer::balance_leaders() {
  if (!config_.balance_leaders || steady_now() - balanced_at_ < config_.balance_interval) return;
  balanced_at_ = steady_now();
  const std::vector<PartitionPlace> places = node_.controller().imbalanced(kBalancedAtOnce);
  if (places.empty()) return;
  log_line(LogLevel::info, "controller", "leaderships go back to the preferred replicas",
           {{"partitions", places.size()}});
  decide_by_itself([&](Controller& controller) {
    return controller.elect_leaders(places, Election::preferred).records;
  });
}

void ControllerServer::end_waits_for_cut_replicas() {
  bool waits = false;
  node_.controller().image().topics_by_id.for_each([&](const Uuid&, const TopicPtr& topic) {
    waits = waits || std::ranges::any_of(topic->partitions, [](const PartitionImage& partition) {
              return partition.leader == kNoBroker && !partition.cut.empty();
            });
  });
  if (!waits) return cut_since_.reset();
  const Instant now = steady_now();
  if (!cut_since_) cut_since_ = now;
  if (now - *cut_since_ < config_.cut_wait_max) return;
  cut_since_.reset();
  decide_by_itself([](Controller& controller) { return controller.stop_waiting_for_replicas(); });
}

}  // namespace strandline
