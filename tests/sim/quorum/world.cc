#include "tests/sim/quorum/world.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "protocol/base/bytes.h"
#include "protocol/base/hash.h"
#include "tests/sim/quorum/node.h"

namespace strandline::sim::quorum {
namespace {

struct PlantName {
  Plant plant;
  std::string_view name;
};
constexpr std::array kPlants{
    PlantName{Plant::none, "none"}, PlantName{Plant::vote_not_durable, "vote_not_durable"},
    PlantName{Plant::sync_lies, "sync_lies"}, PlantName{Plant::damage_not_told, "damage_not_told"},
    PlantName{Plant::wiped_keeps_identity, "wiped_keeps_identity"}};

}  // namespace

std::optional<Plant> plant_from_name(std::string_view name) {
  const auto* at = std::ranges::find(kPlants, name, &PlantName::name);
  return at == kPlants.end() ? std::nullopt : std::optional{at->plant};
}

std::string plant_names() {
  std::string names;
  for (const PlantName& plant : kPlants)
    names += (names.empty() ? "" : ", ") + std::string{plant.name};
  return names;
}

void Stats::add(const Stats& other) {
  events += other.events;
  proposals += other.proposals;
  commits += other.commits;
  leaders += other.leaders;
  crashes += other.crashes;
  damages += other.damages;
  wipes += other.wipes;
  truncations += other.truncations;
  snapshots += other.snapshots;
  installs += other.installs;
  voter_changes += other.voter_changes;
  transfers += other.transfers;
}

World::World(std::uint64_t seed, const Options& options, std::size_t nodes, std::size_t voters)
    : options_(options), prng_(seed) {
  std::vector<Voter> first;
  for (std::size_t i = 0; i < nodes; ++i) {
    nodes_.push_back(std::make_unique<Node>());
    nodes_.back()->key = fresh_key(i);
    if (i < voters) first.push_back({nodes_.back()->key, {}});
  }
  for (std::size_t i = 0; i < nodes; ++i) {
    // An observer learns who votes from the log; it begins with nothing.
    if (i < voters) nodes_[i]->snapshot_voters = VoterSet{first};
    open(i, false);
  }
}

World::~World() = default;

ReplicaKey World::fresh_key(std::size_t node) {
  Uuid directory;
  store_be(directory.bytes.data(), ++directories_made_);
  return {BrokerId{static_cast<std::int32_t>(node)}, directory};
}

bool World::is_up(std::size_t node) const { return nodes_[node]->core != nullptr; }

void World::note(std::size_t node, const std::string& what) {
  digest_ = mix(digest_,
                xxh3(as_bytes(what)) ^ static_cast<std::uint64_t>(now_.time_since_epoch().count()));
  if (!options_.trace) return;
  std::fprintf(stderr, "%9.3f ms  %zu  %s\n",
               static_cast<double>(now_.time_since_epoch().count()) / 1e6, node, what.c_str());
}

// --- time

Duration World::random_ms(std::uint64_t least, std::uint64_t most) {
  const std::uint64_t us = least * 1000 + prng_.below((most - least) * 1000 + 1);
  return std::chrono::microseconds{us};
}

void World::at(Instant when, std::function<void()> run) {
  events_.push({when, ++events_made_, std::move(run)});
}

void World::at_node(std::size_t node, Instant when, std::function<void()> run) {
  at(when, [this, node, life = nodes_[node]->life, run = std::move(run)] {
    if (!is_up(node) || nodes_[node]->life != life) return;
    run();
    after_input(node);
  });
}

// One thing after the other, as a disk does them.
void World::on_disk(std::size_t node, std::function<void()> done) {
  Node& n = *nodes_[node];
  const Duration takes = reliable_ || !prng_.chance(1, 20) ? random_ms(0, 5) : random_ms(50, 2500);
  n.disk_free = std::max(n.disk_free, now_) + takes;
  at_node(node, n.disk_free, std::move(done));
}

void World::run_until(Instant until) {
  for (;;) {
    Instant next = until;
    std::optional<std::size_t> timer;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (is_up(i) && nodes_[i]->core->next_timeout() < next) {
        next = std::max(now_, nodes_[i]->core->next_timeout());
        timer = i;
      }
    }
    if (!events_.empty() && events_.top().when <= next) {
      const Event event = events_.top();
      events_.pop();
      now_ = std::max(now_, event.when);
      ++stats_.events;
      event.run();
    } else if (timer) {
      now_ = next;
      ++stats_.events;
      nodes_[*timer]->core->on_timeout(now_);
      after_input(*timer);
    } else {
      now_ = until;
      return;
    }
  }
}

void World::after_input(std::size_t node) {
  Node& n = *nodes_[node];
  for (;;) {
    const std::vector<QuorumEffect> effects = n.core->take_effects();
    if (effects.empty()) break;
    for (const QuorumEffect& effect : effects) {
      std::visit([&](const auto& what) { carry_out(node, what); }, effect);
    }
  }
  n.core->assert_invariants();
}

// --- the network

std::optional<std::size_t> World::node_of(const ReplicaKey& key) const {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i]->key == key) return i;
  }
  return std::nullopt;
}

void World::send(std::size_t from, const ReplicaKey& to, const QuorumMessage& message) {
  const auto node = node_of(to);
  if (!node || *node == from) return;
  const int copies = reliable_ ? 1 : prng_.chance(1, 20) ? 0 : prng_.chance(1, 30) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    const Duration takes =
        reliable_ || !prng_.chance(1, 30) ? random_ms(0, 10) : random_ms(10, 3000);
    at(now_ + takes, [this, from, node = *node, to, message] {
      if (cuts_[{from, node}] || !is_up(node) || nodes_[node]->key != to) return;
      nodes_[node]->core->on_message(now_, message);
      after_input(node);
    });
  }
}

void World::cut(std::size_t from, std::size_t to) { cuts_[{from, to}] = true; }

void World::isolate(std::size_t node) {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (i != node) cut(node, i), cut(i, node);
  }
}

void World::heal_links() {
  cuts_.clear();
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (!is_up(i)) continue;
    at_node(i, now_ + random_ms(0, 500), [this, i] { nodes_[i]->core->on_peer_found(now_); });
  }
}

void World::make_reliable() {
  reliable_ = true;
  heal_links();
}

// --- starting and ending

void World::open(std::size_t node, bool uncertain) {
  Node& n = *nodes_[node];
  QuorumLog log{n.snapshot, n.snapshot_voters};
  for (const QuorumBatch& batch : n.log) log.append(batch);
  n.flushed = n.end();
  n.applied = n.snapshot.offset;
  n.disk_free = now_;
  n.votes_under_way.clear();
  n.receiving.clear();
  // Noted before anything else is done with the log.
  if (uncertain) n.vote.uncertain = true;
  ++n.starts;
  ++n.life;
  QuorumConfig config{.self = n.key};
  config.message_bytes_max = 200;
  config.messages_in_flight_max = 4;
  n.core = std::make_unique<Quorum>(
      now_, config, QuorumStart{.vote = n.vote, .log = std::move(log), .incarnation = n.starts},
      prng_.next());
  note(node, "starts, log " + text(n.snapshot.offset) + " to " + text(n.end()) +
                 (n.vote.uncertain ? ", uncertain" : ""));
  after_input(node);
}

void World::crash(std::size_t node) {
  Node& n = *nodes_[node];
  if (!is_up(node)) return;
  ++stats_.crashes;
  n.core.reset();
  for (const QuorumVote& vote : n.votes_under_way) {
    if (!prng_.chance(1, 2)) break;
    n.vote = vote;  // it reached the disk, though nobody was told
  }
  note(node, "crash");
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (i == node || !is_up(i) || prng_.chance(1, 3)) continue;
    at_node(i, now_ + random_ms(0, 5),
            [this, i, id = n.key.node] { nodes_[i]->core->on_peer_lost(now_, id); });
  }
}

void World::restart(std::size_t node) {
  Node& n = *nodes_[node];
  if (is_up(node)) return;
  // Of what was not synced a part may be there, in order.
  bool lost = false;
  while (!n.log.empty() && n.log.back().next_offset > n.flushed && prng_.chance(2, 3)) {
    n.log.pop_back();
    lost = true;
  }
  // A torn batch was cut, or there was no trace of it. With a voter lost for good as well nobody
  // can say whether all is there: then the quorum waits for an operator, whom this world does not
  // have.
  VoterSet voters;
  for (const auto& other : nodes_) {
    for (const Voter& voter : other->snapshot_voters.all()) voters = voters.with(voter);
    for (const QuorumBatch& batch : other->log) {
      if (!batch.voters) continue;
      for (const Voter& voter : batch.voters->all()) voters = voters.with(voter);
    }
  }
  const bool all_there = std::ranges::all_of(
      voters.all(), [this](const Voter& voter) { return node_of(voter.key).has_value(); });
  open(node, lost && all_there && prng_.chance(1, 2));
}

bool World::others_are_whole(std::size_t node) const {
  std::size_t voters = 0;
  const auto leader = ready_leader();
  if (!leader) return false;
  for (const Voter& voter : nodes_[*leader]->core->voters().all()) {
    ++voters;
    const auto here = node_of(voter.key);
    if (!here) return false;  // one was wiped, and is a voter still
    if (*here != node && (!is_up(*here) || nodes_[*here]->vote.uncertain)) return false;
  }
  // A change under way may be undone: whoever it removes may still be needed.
  return voters >= 3 &&
         nodes_[*leader]->core->log().voters_end().offset <= nodes_[*leader]->core->committed();
}

void World::damage(std::size_t node) {
  if (!others_are_whole(node)) return;
  Node& n = *nodes_[node];
  crash(node);
  ++stats_.damages;
  const std::uint64_t most = 1 + prng_.below(5);
  for (std::uint64_t i = 0; i < most && !n.log.empty(); ++i) n.log.pop_back();
  n.flushed = std::min(n.flushed, n.end());
  note(node, "is damaged, ends at " + text(n.end()));
  open(node, options_.plant != Plant::damage_not_told);
}

void World::wipe(std::size_t node) {
  if (!others_are_whole(node)) return;
  crash(node);
  ++stats_.wipes;
  const std::uint64_t life = nodes_[node]->life;
  const ReplicaKey old = nodes_[node]->key;
  const VoterSet voters = nodes_[node]->snapshot_voters;
  const std::uint64_t starts = nodes_[node]->starts;
  nodes_[node] = std::make_unique<Node>();
  nodes_[node]->life = life;
  if (options_.plant == Plant::wiped_keeps_identity) {
    nodes_[node]->key = old;
    nodes_[node]->snapshot_voters = voters;
    nodes_[node]->starts = starts;
  } else {
    nodes_[node]->key = fresh_key(node);
  }
  note(node, "is wiped");
  open(node, false);
}

// --- work

void World::append(std::size_t node, std::optional<VoterSet> voters) {
  Node& n = *nodes_[node];
  auto bytes = std::make_shared<std::vector<std::byte>>(8 + prng_.below(100));
  store_be(bytes->data(), ++batches_made_);
  const Offset base = n.core->log_end();
  const Offset next = base + static_cast<std::int64_t>(1 + prng_.below(3));
  (void)n.core->append(now_, QuorumBatch{.base_offset = base,
                                         .next_offset = next,
                                         .epoch = n.core->epoch(),
                                         .voters = std::move(voters),
                                         .bytes = std::move(bytes)});
}

void World::propose() {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (!is_up(i) || !nodes_[i]->core->leads()) continue;
    ++stats_.proposals;
    append(i, std::nullopt);
    after_input(i);
  }
}

std::optional<std::size_t> World::ready_leader() const {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (!is_up(i) || !nodes_[i]->core->is_ready()) continue;
    if (!best || nodes_[i]->core->epoch() > nodes_[*best]->core->epoch()) best = i;
  }
  return best;
}

void World::transfer() {
  const auto leader = ready_leader();
  if (!leader) return;
  Quorum& core = *nodes_[*leader]->core;
  const auto& voters = core.voters().all();
  const ReplicaKey to = voters[prng_.below(voters.size())].key;
  if (core.transfer_leadership(now_, to) != Errc::ok) return;
  ++stats_.transfers;
  note(*leader, "hands over to " + std::to_string(to.node.value()));
  after_input(*leader);
}

void World::change_voters() {
  const auto leader = ready_leader();
  if (!leader) return;
  Quorum& core = *nodes_[*leader]->core;
  const VoterSet now_voting = core.voters();
  VoterSet wanted = now_voting;
  if (prng_.chance(1, 2) && now_voting.size() > 1) {
    wanted = now_voting.without(now_voting.all()[prng_.below(now_voting.size())].key);
  } else {
    const auto replicas = core.replicas();
    if (replicas.empty()) return;
    wanted = now_voting.with({replicas[prng_.below(replicas.size())].key, {}});
  }
  // A leader learns only after a while that a voter is no more, and an operator before that.
  const bool all_there = std::ranges::all_of(
      wanted.all(), [this](const Voter& voter) { return node_of(voter.key).has_value(); });
  if (!all_there || wanted == now_voting) return;
  if (core.check_voters(now_, wanted) != Errc::ok) return;
  ++stats_.voter_changes;
  note(*leader, "wants " + std::to_string(wanted.size()) + " voters");
  append(*leader, wanted);
  after_input(*leader);
}

void World::mend_voters(std::size_t voters_wanted) {
  const auto leader = ready_leader();
  if (!leader) return;
  Quorum& core = *nodes_[*leader]->core;
  VoterSet wanted = core.voters();
  for (const Voter& voter : core.voters().all()) {
    if (!node_of(voter.key)) wanted = core.voters().without(voter.key);
  }
  if (wanted == core.voters() && wanted.size() < voters_wanted) {
    for (const auto& replica : core.replicas()) {
      if (!replica.is_voter) wanted = core.voters().with({replica.key, {}});
    }
  }
  if (wanted == core.voters() || core.check_voters(now_, wanted) != Errc::ok) return;
  append(*leader, wanted);
  after_input(*leader);
}

std::string World::what_is_missing() const {
  const auto leader = ready_leader();
  if (!leader) return "no leader";
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Node& n = *nodes_[i];
    const std::string who = "replica " + std::to_string(i);
    if (!is_up(i)) return who + " is down";
    if (n.core->leads() != (i == *leader)) return who + " leads as well";
    if (n.applied != committed_end_) return who + " has not applied everything";
    if (n.core->is_uncertain()) return who + " is still uncertain";
  }
  return "";
}

}  // namespace strandline::sim::quorum
