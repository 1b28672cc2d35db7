#include "tests/sim/search/world.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace strandline::partition_search {

using partition_sim::ControllerMistakes;
using partition_sim::Image;
using partition_sim::Plant;
using partition_sim::Refusal;
using partition_sim::SimBatch;
using partition_sim::Violation;
using Kind = Event::Kind;

namespace {

constexpr std::int32_t kMinInsync = 2;
constexpr Duration kTick = std::chrono::seconds{1};
// Steps to rest from a first start; more means that it never comes.
constexpr int kSettleMax = 10'000;

const std::vector<ReplicaId> kReplicas{ReplicaId{1}, ReplicaId{2}, ReplicaId{3}};
const std::vector<ReplicaId> kTarget{ReplicaId{1}, ReplicaId{2}, ReplicaId{4}};

constexpr std::array<std::string_view, 16> kNames{"takes the next message of",
                                                  "finishes its sync",
                                                  "finishes its cut",
                                                  "takes the image",
                                                  "has its proposal decided",
                                                  "hears of its proposal",
                                                  "registers",
                                                  "is unfenced",
                                                  "is fenced, being away",
                                                  "is fenced, and lives",
                                                  "takes a record",
                                                  "is killed",
                                                  "loses power, outcome",
                                                  "starts",
                                                  "is to take over from 3",
                                                  "waits"};

ControllerMistakes mistakes(Plant plant) {
  return {.elects_anyone = plant == Plant::elect_anyone,
          .compares_nothing = plant == Plant::compare_nothing,
          .keeps_leader_epoch = plant == Plant::keep_leader_epoch,
          .hides_min_insync_replicas = plant == Plant::hide_min_insync_replicas};
}

}  // namespace

std::string text(const Event& event) {
  std::string all{kNames.at(static_cast<std::size_t>(event.kind))};
  if (event.kind == Kind::wait) return "everybody waits";
  if (event.kind == Kind::deliver) all += " " + std::to_string(event.other + 1);
  if (event.kind == Kind::lose_power) all += " " + std::to_string(event.other);
  return std::to_string(event.node + 1) + " " + all;
}

World::World(const Bounds& bounds)
    : left_(bounds),
      controller_(kReplicas, kMinInsync, true, mistakes(bounds.plant)),
      nodes_(bounds.reassignments > 0 ? 4 : 3),
      ways_(nodes_.size() * nodes_.size()) {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    nodes_[i].id = ReplicaId{static_cast<std::int32_t>(i + 1)};
    nodes_[i].up = true;
    controller_.expect(nodes_[i].id);
  }
  settle();
}

void World::settle() {
  for (int step = 0; step < kSettleMax; ++step) {
    if (is_at_rest()) return check_rest();
    std::vector<Event> next;
    run(must_happen(next) ? next.front() : Event{});
  }
  throw Violation{"it does not come to rest"};
}

// --- what could happen

// What is under way, and comes to its end before any time has to pass. False: nothing.
bool World::must_happen(std::vector<Event>& events) const {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    if (!node.proposals.empty()) events.push_back({Kind::decide, i, 0});
    if (!node.up) {
      if (!controller_.is_fenced(node.id)) events.push_back({Kind::fence_absent, i, 0});
      continue;
    }
    for (std::size_t from = 0; from < nodes_.size(); ++from) {
      if (!ways_[from * nodes_.size() + i].empty()) events.push_back({Kind::deliver, i, from});
    }
    if (node.sync) events.push_back({Kind::finish_sync, i, 0});
    if (node.cut) events.push_back({Kind::finish_cut, i, 0});
    if (!node.answers.empty()) events.push_back({Kind::take_answer, i, 0});
    if (!node.registered) {
      events.push_back({Kind::join, i, 0});
      continue;
    }
    if (controller_.is_fenced(node.id)) events.push_back({Kind::unfence, i, 0});
    if (wants_image(node)) events.push_back({Kind::take_image, i, 0});
  }
  return !events.empty();
}

bool World::is_at_rest() const {
  std::vector<Event> events;
  const bool all_are_up = std::ranges::all_of(nodes_, [](const Node& node) { return node.up; });
  return all_are_up && !must_happen(events) && !next_time();
}

std::vector<Event> World::events() const {
  if (const auto first = goes_first()) return {*first};
  std::vector<Event> events;
  const bool is_busy = must_happen(events);
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    if (!node.up) {
      events.push_back({Kind::start, i, 0});
      continue;
    }
    const bool takes_records = node.leader && node.leader->may_append() == Errc::ok;
    if (takes_records && left_.records > 0) events.push_back({Kind::produce, i, 0});
    if (left_.crashes > 0) events.push_back({Kind::kill, i, 0});
    if (left_.crashes > 0 && left_.power_losses > 0) {
      // With one outcome it is no worse than to be killed.
      const std::size_t outcomes = node.log.power_loss_outcomes();
      for (std::size_t outcome = 0; outcomes > 1 && outcome < outcomes; ++outcome) {
        events.push_back({Kind::lose_power, i, outcome});
      }
    }
    const bool is_member = node.registered && !controller_.is_fenced(node.id);
    if (left_.fencings > 0 && is_member) events.push_back({Kind::fence_living, i, 0});
  }
  if (left_.reassignments > 0) events.push_back({Kind::reassign, 3, 0});
  if (!is_busy && next_time()) events.push_back({Kind::wait, 0, 0});
  return events;
}

std::optional<Instant> World::next_time() const {
  std::optional<Instant> next;
  const auto consider = [&](std::optional<Instant> time) {
    if (time && (!next || *time < *next)) next = time;
  };
  for (const Node& node : nodes_) {
    if (node.leader) consider(node.leader->next_timeout());
    if (node.follower) consider(node.follower->next_timeout());
  }
  if (controller_.waits(now_)) consider(now_ + kTick);
  return next;
}

// --- what happens

void World::run(const Event& event) {
  Node& node = nodes_.at(event.node);
  seen_.clear();
  switch (event.kind) {
    case Kind::deliver: deliver(nodes_.at(event.other), node); break;
    case Kind::finish_sync: finish_sync(node); break;
    case Kind::finish_cut: finish_cut(node); break;
    case Kind::take_image: take_image(node, controller_.image()); break;
    case Kind::decide: decide(node); break;
    case Kind::take_answer: take_answer(node); break;
    case Kind::join:
      node.registered = true;
      node.incarnation = controller_.register_broker(now_, node.id, node.registration);
      see("registers", node);
      break;
    case Kind::unfence: controller_.unfence(now_, node.id); break;
    case Kind::fence_absent: controller_.fence(now_, node.id); break;
    case Kind::fence_living:
      --left_.fencings;
      controller_.fence(now_, node.id);
      break;
    case Kind::produce: produce(node); break;
    case Kind::kill: crash(node, std::nullopt); break;
    case Kind::lose_power: crash(node, event.other); break;
    case Kind::start: start(node); break;
    case Kind::reassign:
      --left_.reassignments;
      controller_.reassign(now_, kTarget);
      break;
    case Kind::wait: wait(); break;
  }
  check();
  if (left_.reduces) drop_the_dead();
}

void World::deliver(Node& from, Node& to) {
  std::deque<Payload>& messages = way(from, to);
  const Payload payload = std::move(messages.front());
  messages.pop_front();
  if (const auto* message = std::get_if<FollowerMessage>(&payload.message)) {
    if (!to.leader) return;
    if (const auto* open = std::get_if<OpenStream>(message)) to.streams[from.id] = open->name;
    to.leader->on_message(now_, *message);
  } else {
    if (!to.follower) return;
    message_batches_ = &payload.batches;
    to.follower->on_message(now_, std::get<LeaderMessage>(payload.message));
  }
  drain(to);
  message_batches_ = nullptr;
}

void World::finish_sync(Node& node) {
  node.log.finish_sync(*std::exchange(node.sync, std::nullopt));
  if (node.leader) node.leader->on_synced(now_, node.log.flushed_end());
  const bool is_wanted = std::exchange(node.sync_wanted, false);
  if (node.follower && is_wanted) {
    node.follower->on_synced(node.log.flushed_end());
  } else {
    start_sync(node);
  }
  drain(node);
}

void World::finish_cut(Node& node) {
  const Cut cut = *std::exchange(node.cut, std::nullopt);
  if (cut.end) {
    node.log.truncate(*cut.end);
  } else {
    node.log.restart(cut.start);
  }
  node.follower->on_truncated(now_, follower_log(node));
  if (node.next_image) take_role(node, *std::exchange(node.next_image, std::nullopt));
  drain(node);
}

void World::take_image(Node& node, const Image& image) {
  if (node.cut) {
    node.next_image.emplace(image);
  } else {
    take_role(node, image);
  }
}

void World::decide(Node& node) {
  const Proposal proposal = std::move(node.proposals.front());
  node.proposals.pop_front();
  Answer answer = controller_.alter_isr(now_, proposal.proposal);
  if (proposal.process == node.process) node.answers.emplace_back(proposal, std::move(answer));
}

void World::take_answer(Node& node) {
  const auto [asked, answer] = std::move(node.answers.front());
  node.answers.pop_front();
  if (!node.leader || node.leader->leader_epoch() != asked.proposal.leader_epoch) return;
  if (const auto* isr = std::get_if<CommittedIsr>(&answer)) {
    node.leader->on_isr(now_, *isr);
  } else {
    const auto& refusal = std::get<Refusal>(answer);
    node.leader->on_isr_refused(now_, refusal.expected, refusal.reason, refusal.at_fault);
  }
  drain(node);
}

void World::produce(Node& node) {
  --left_.records;
  const SimBatch batch{.base_offset = node.log.end(),
                       .record_count = 1,
                       .leader_epoch = node.leader->leader_epoch(),
                       .id = ++next_id_};
  node.log.append(batch);
  node.waiting.push_back(batch);
  start_sync(node);
  node.leader->on_append(now_, node.log.end());
  acknowledge(node);
  drain(node);
}

void World::crash(Node& node, std::optional<std::size_t> power_loss) {
  --left_.crashes;
  drop_cores(node);
  node.up = false;
  node.image.reset();
  node.next_image.reset();
  node.sync.reset();
  node.cut.reset();
  node.answers.clear();
  node.last_stream = kNoStream;
  ++node.process;
  // What recovery found is kept until the controller knows it, also through another crash.
  const bool is_told = std::exchange(node.registered, false);
  node.registration = {.unclean = true, .cut = !is_told && node.registration.cut};
  if (power_loss) {
    --left_.power_losses;
    node.registration.cut |= node.log.lose_power(*power_loss);
  } else {
    node.log.kill();
  }
  node.registration.log_end_offset = node.log.end();
  if (!node.log.epochs().empty()) {
    node.registration.last_epoch = node.log.epochs().back().leader_epoch;
  }
  see("crashes", node);
  for (Node& peer : nodes_) {
    way(node, peer).clear();
    way(peer, node).clear();
    if (!peer.up) continue;
    if (peer.follower && peer.image->leader == node.id) peer.follower->on_disconnected(now_);
    const auto stream = peer.streams.find(node.id);
    if (peer.leader && stream != peer.streams.end()) {
      peer.leader->on_disconnected(now_, stream->second);
    }
    peer.streams.erase(node.id);
    drain(peer);
  }
}

void World::start(Node& node) {
  node.up = true;
  for (Node& peer : nodes_) {
    if (!peer.up || !peer.follower || peer.image->leader != node.id) continue;
    peer.follower->on_connected(now_);
    drain(peer);
  }
}

void World::wait() {
  now_ = std::max(now_, *next_time());
  controller_.on_tick(now_);
  for (Node& node : nodes_) {
    if (node.leader) node.leader->on_timeout(now_);
    if (node.follower) node.follower->on_timeout(now_);
    drain(node);
  }
  if (const auto next = next_time(); next && *next <= now_) {
    throw Violation{"a core waits for a time gone by"};
  }
}

// --- what must be so

void World::check() const {
  for (const Node& node : nodes_) {
    if (node.leader) node.leader->assert_invariants();
    if (node.follower) node.follower->assert_invariants();
    const bool may_be_elected =
        controller_.isr().contains(node.id) || controller_.eligible().contains(node.id);
    if (!may_be_elected || node.log.flushed_end() >= checker_.committed_end()) continue;
    throw Violation{"replica " + std::to_string(node.id.value()) +
                    " may be elected and lacks committed records"};
  }
}

void World::check_rest() const {
  const Image image = controller_.image();
  if (image.leader == kNoReplica) throw Violation{"there is no leader at rest"};
  const Node& leads = nodes_.at(static_cast<std::size_t>(image.leader.value() - 1));
  const bool is_settled = leads.leader && leads.leader->leader_epoch() == image.leader_epoch &&
                          leads.leader->isr().size() == image.replicas.size() &&
                          leads.log.high_watermark() == leads.log.end() &&
                          leads.leader->may_serve_readers() && leads.waiting.empty();
  if (!is_settled) throw Violation{"the leader comes to rest and is not done"};
  for (const ReplicaId id : image.replicas) {
    const Node& node = nodes_.at(static_cast<std::size_t>(id.value() - 1));
    checker_.must_hold_committed(id, node.log, image.leader_epoch);
    const bool is_same = node.log.batches() == leads.log.batches() &&
                         node.log.high_watermark() == leads.log.end() &&
                         node.log.flushed_end() == leads.log.end();
    if (!is_same) throw Violation{"replica " + std::to_string(id.value()) + " differs at rest"};
  }
}

}  // namespace strandline::partition_search
