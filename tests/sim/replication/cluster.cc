#include "tests/sim/replication/cluster.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "protocol/base/hash.h"

namespace strandline::partition_sim {
namespace {

constexpr Duration kTick = std::chrono::milliseconds{100};
constexpr Duration kSession = std::chrono::milliseconds{800};

std::vector<ReplicaId> ids(int count) {
  std::vector<ReplicaId> all;
  for (int id = 1; id <= count; ++id) all.emplace_back(id);
  return all;
}

ControllerMistakes mistakes(Plant plant) {
  return {.elects_anyone = plant == Plant::elect_anyone,
          .compares_nothing = plant == Plant::compare_nothing,
          .keeps_leader_epoch = plant == Plant::keep_leader_epoch,
          .hides_min_insync_replicas = plant == Plant::hide_min_insync_replicas};
}

}  // namespace

void ClusterStats::add(const ClusterStats& other) {
  events += other.events;
  appends += other.appends;
  acknowledged += other.acknowledged;
  refused += other.refused;
  messages += other.messages;
  crashes += other.crashes;
  damages += other.damages;
  cuts += other.cuts;
  terms += other.terms;
  isr_changes += other.isr_changes;
  isr_refusals += other.isr_refusals;
  truncations += other.truncations;
  restarts += other.restarts;
  broken_streams += other.broken_streams;
  file_reads += other.file_reads;
  deletions += other.deletions;
  allowances += other.allowances;
}

Cluster::Cluster(std::uint64_t seed, const Options& options)
    : prng_(seed),
      options_(options),
      profile_(options.profile),
      controller_(ids(options.profile.replicas), options.profile.min_insync_replicas,
                  options.profile.flush_on_ack, mistakes(options.plant)),
      nodes_(static_cast<std::size_t>(options.profile.replicas)) {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    nodes_[i].index = i;
    nodes_[i].id = ReplicaId{static_cast<std::int32_t>(i + 1)};
    for (const ReplicaId peer : ids(profile_.replicas)) nodes_[i].connections[peer] = 0;
  }
}

void Cluster::note(const std::string& what) const {
  if (!options_.trace) return;
  const auto us =
      std::chrono::duration_cast<std::chrono::microseconds>(queue_.now().time_since_epoch());
  std::fprintf(stderr, "%9.3f ms  %s\n", static_cast<double>(us.count()) / 1000.0, what.c_str());
}

Duration Cluster::between(std::uint64_t least_us, std::uint64_t most_us) {
  const std::uint64_t us = least_us + prng_.below(most_us - least_us + 1);
  return std::chrono::microseconds{static_cast<std::int64_t>(us)};
}

Cluster::Link& Cluster::link(std::size_t a, std::size_t b) { return links_[std::minmax(a, b)]; }

void Cluster::start_all() {
  for (std::size_t i = 0; i < nodes_.size(); ++i) start(i);
  tick();
}

// Heartbeats, registrations and images that got lost.
void Cluster::tick() {
  for (Node& node : nodes_) {
    if (node.up && node.controller_link) {
      node.last_seen = queue_.now();
      meet_controller(node);
    } else if (queue_.now() - node.last_seen >= kSession) {
      controller_.fence(queue_.now(), node.id);
    }
  }
  controller_.on_tick(queue_.now());
  // What got lost is sent again, some time.
  for (Node& node : nodes_) {
    if (!faults_ || prng_.chance(1, 4)) send_image(node);
  }
  queue_.after(kTick, [this] { tick(); });
}

void Cluster::meet_controller(Node& node) {
  if (!node.registered) {
    node.registered = true;
    node.incarnation = controller_.register_broker(queue_.now(), node.id, node.registration);
    note("registered " + std::to_string(node.id.value()));
  } else if (controller_.is_fenced(node.id)) {
    controller_.unfence(queue_.now(), node.id);
  }
}

// An image on its way may reach the next process of the broker as well.
void Cluster::send_image(Node& node) {
  const bool is_lost = faults_ && prng_.below(1000) < profile_.lost_per_mille;
  if (!node.controller_link || is_lost) return;
  const bool is_late = faults_ && prng_.chance(1, 4);
  const std::size_t index = node.index;
  queue_.after(is_late ? between(1000, 900'000) : between(200, 20'000),
               [this, index, image = controller_.image()] {
                 Node& then = nodes_[index];
                 if (then.up && then.registered) on_image(then, image);
               });
}

void Cluster::on_image(Node& node, const Image& image) {
  const bool is_of_the_past = image.incarnations.at(node.id) != node.incarnation;
  if (is_of_the_past && options_.plant != Plant::believe_old_image) return;
  const Image* known = node.next_image.has_value() ? &*node.next_image
                       : node.image.has_value()    ? &*node.image
                                                   : nullptr;
  if (known != nullptr && image.isr.partition_epoch <= known->isr.partition_epoch) return;
  if (node.cutting) {
    node.next_image = image;
  } else {
    take_role(node, image);
  }
}

void Cluster::take_role(Node& node, const Image& image) {
  const bool same_term = node.image.has_value() && node.image->leader == image.leader &&
                         node.image->leader_epoch == image.leader_epoch;
  node.image = image;
  const bool is_in_sync = std::ranges::find(image.isr.members, node.id) != image.isr.members.end();
  if (is_in_sync) node.needs_catch_up = false;
  if (!same_term) {
    drop_cores(node);
    if (image.leader == node.id) return lead(node, image);
    if (image.leader != kNoReplica) follow(node, image);
    return;
  }
  if (node.leader != nullptr) {
    node.leader->on_isr(queue_.now(), image.isr);
    node.leader->set_topic_config(queue_.now(), image.min_insync_replicas, profile_.flush_on_ack,
                                  profile_.replica_lag_ms_max);
  }
  if (node.follower != nullptr && is_in_sync) node.follower->on_in_sync();
  if (node.follower != nullptr) {
    node.follower->set_throttled(profile_.throttles_follower && !is_in_sync);
  }
  drain(node);
}

void Cluster::drop_cores(Node& node) {
  if (node.follower != nullptr) node.last_stream = node.follower->last_stream();
  node.leader.reset();
  node.follower.reset();
  node.waiting.clear();
  node.stream_connections.clear();
  node.timer.reset();
  node.sync_wanted = false;
  ++node.core;
}

// The log knows a later leader: this image is of the past.
bool Cluster::is_outlived(const Node& node, const Image& image) {
  const EpochStarts& epochs = node.log.epochs();
  return !epochs.empty() && epochs.back().leader_epoch > image.leader_epoch;
}

void Cluster::lead(Node& node, const Image& image) {
  if (is_outlived(node, image)) return;
  ++stats_.terms;
  note("leader " + std::to_string(node.id.value()) + " in epoch " +
       std::to_string(image.leader_epoch.value()) + " at " + text(node.log.end()));
  checker_.on_leader(node.id, node.process, image.leader_epoch, node.log);
  const LeaderConfig config{.self = node.id,
                            .incarnation = node.incarnation,
                            .min_insync_replicas = image.min_insync_replicas,
                            .flush_on_ack = profile_.flush_on_ack,
                            .replica_lag_ms_max = profile_.replica_lag_ms_max,
                            .tail_bytes_max = 2000,
                            .catch_up_bytes_max = 3000};
  const LeaderTerm term{image.leader_epoch, image.replicas, image.isr};
  const LeaderLog log{.log_start_offset = node.log.start(),
                      .first_batch_offset = node.log.first_batch(),
                      .log_end_offset = node.log.end(),
                      .flushed_end = node.log.flushed_end(),
                      .high_watermark = node.log.high_watermark(),
                      .epochs = node.log.epochs()};
  node.leader = std::make_unique<PartitionLeader>(config, term, log, queue_.now());
  node.leader->set_throttled(queue_.now(), profile_.throttles_leader);
  node.log.on_new_leader_epoch(image.leader_epoch);
  node.tail_start = node.log.end();
  start_sync(node);
  show_readers(node);
  drain(node);
}

void Cluster::follow(Node& node, const Image& image) {
  if (is_outlived(node, image)) return;
  if (options_.plant == Plant::cut_to_high_watermark && node.log.end() > node.log.high_watermark())
    node.log.truncate(node.log.high_watermark());
  const FollowerConfig config{
      .self = node.id, .incarnation = node.incarnation, .credit_bytes = profile_.credit_bytes};
  node.follower = std::make_unique<PartitionFollower>(config, image.leader_epoch,
                                                      follower_log(node), node.last_stream);
  const bool is_in_sync = std::ranges::find(image.isr.members, node.id) != image.isr.members.end();
  node.follower->set_throttled(profile_.throttles_follower && !is_in_sync);
  if (node.connections.at(image.leader) != 0) node.follower->on_connected(queue_.now());
  drain(node);
}

void Cluster::crash(std::size_t index, CrashKind kind) {
  Node& node = nodes_[index];
  if (!node.up) return;
  ++stats_.crashes;
  note("crash " + std::to_string(node.id.value()) + " kind " +
       std::to_string(static_cast<int>(kind)) + " at " + text(node.log.end()) + ", flushed " +
       text(node.log.flushed_end()));
  drop_cores(node);
  node.up = node.sync_running = node.cutting = false;
  node.image.reset();
  node.next_image.reset();
  node.last_stream = kNoStream;
  ++node.process;
  // What recovery found is kept until the controller knows it, also through another crash.
  const bool is_told = std::exchange(node.registered, false);
  node.registration = {.unclean = kind != CrashKind::clean_stop,
                       .cut = !is_told && node.registration.cut,
                       .damaged = node.needs_catch_up};
  if (kind == CrashKind::clean_stop || kind == CrashKind::kill) node.log.kill();
  if (kind == CrashKind::power_loss)
    node.registration.cut |= node.log.lose_power(prng_.below(node.log.power_loss_outcomes()));
  if (kind == CrashKind::damage) {
    ++stats_.damages;
    damage_happened_ = true;
    node.log.damage(prng_);
    node.registration.cut = node.registration.damaged = true;
    node.needs_catch_up = true;
  }
  node.registration.log_end_offset = node.log.end();
  if (!node.log.epochs().empty()) {
    node.registration.last_epoch = node.log.epochs().back().leader_epoch;
  }
  for (Node& peer : nodes_) {
    if (peer.index != index) tell_of_link(index, peer.index, false);
  }
}

void Cluster::start(std::size_t index) {
  Node& node = nodes_[index];
  if (node.up) return;
  node.up = true;
  node.last_seen = queue_.now();
  for (Node& peer : nodes_) {
    if (peer.index == index) continue;
    node.connections[peer.id] = 0;
    const bool is_open = peer.up && link(index, peer.index).up;
    if (is_open) tell_of_link(index, peer.index, true);
  }
}

void Cluster::set_link(std::size_t a, std::size_t b, bool up) {
  if (a == b || link(a, b).up == up) return;
  if (!up) ++stats_.cuts;
  link(a, b).up = up;
  if (up && (!nodes_[a].up || !nodes_[b].up)) return;
  note((up ? "join " : "cut ") + std::to_string(a + 1) + " " + std::to_string(b + 1));
  tell_of_link(a, b, up);
}

void Cluster::tell_of_link(std::size_t a, std::size_t b, bool up) {
  const std::uint64_t old = link(a, b).connection;
  const std::uint64_t connection = ++link(a, b).connection;
  for (const auto& [one, other] : {std::pair{a, b}, std::pair{b, a}}) {
    later(nodes_[one], between(100, profile_.notice_ms_max * 1000), false,
          [this, peer = other, up, old, connection](Node& node) {
            if (up) notice_connection(node, nodes_[peer], connection);
            if (!up) notice_break(node, nodes_[peer], old);
          });
  }
}

void Cluster::notice_connection(Node& node, Node& peer, std::uint64_t connection) {
  std::uint64_t& known = node.connections.at(peer.id);
  if (connection < known) return;
  if (known != 0) notice_break(node, peer, known);
  known = connection;
  if (node.follower == nullptr || node.image->leader != peer.id) return;
  node.follower->on_connected(queue_.now());
  drain(node);
}

void Cluster::notice_break(Node& node, Node& peer, std::uint64_t connection) {
  std::uint64_t& known = node.connections.at(peer.id);
  if (known == connection) {
    known = 0;
    const bool follows = node.follower != nullptr && node.image->leader == peer.id;
    if (follows) node.follower->on_disconnected(queue_.now());
  }
  // Only the stream that came over this connection: another may be there already.
  const auto stream = node.stream_connections.find(peer.id);
  const bool is_its =
      stream != node.stream_connections.end() && stream->second.second == connection;
  if (node.leader != nullptr && is_its) {
    node.leader->on_disconnected(queue_.now(), stream->second.first);
  }
  drain(node);
}

void Cluster::set_controller_link(std::size_t index, bool up) {
  note((up ? "controller meets " : "controller misses ") + std::to_string(index + 1));
  nodes_[index].controller_link = up;
}

void Cluster::stall_disk(std::size_t index, Duration duration) {
  nodes_[index].disk_stalls_until = queue_.now() + duration;
}

void Cluster::change_credit(std::size_t index, std::uint64_t credit_bytes) {
  Node& node = nodes_[index];
  if (node.follower == nullptr) return;
  node.follower->set_credit(credit_bytes);
  drain(node);
}

void Cluster::set_min_insync_replicas(std::int32_t min_insync_replicas) {
  note("min.insync.replicas " + std::to_string(min_insync_replicas));
  controller_.set_min_insync_replicas(min_insync_replicas);
  for (Node& node : nodes_) send_image(node);
}

void Cluster::heal() {
  note("heal");
  faults_ = false;
  for (std::size_t a = 0; a < nodes_.size(); ++a) {
    start(a);
    set_controller_link(a, true);
    nodes_[a].disk_stalls_until = queue_.now();
    change_credit(a, profile_.credit_bytes);
    for (std::size_t b = 0; b < a; ++b) set_link(a, b, true);
  }
}

std::optional<std::size_t> Cluster::leader() const {
  const Image image = controller_.image();
  for (const Node& node : nodes_) {
    const bool leads = node.leader != nullptr && node.leader->leader_epoch() == image.leader_epoch;
    if (leads && image.leader == node.id) return node.index;
  }
  return std::nullopt;
}

void Cluster::check() const {
  for (const Node& node : nodes_) {
    if (node.leader != nullptr) node.leader->assert_invariants();
    if (node.follower != nullptr) node.follower->assert_invariants();
    const bool may_be_elected =
        controller_.isr().contains(node.id) || controller_.eligible().contains(node.id);
    // The controller cannot know of a damage before it is told.
    if (!may_be_elected || node.needs_catch_up) continue;
    const Offset safe_end = profile_.flush_on_ack ? node.log.flushed_end() : node.log.end();
    if (safe_end >= checker_.committed_end()) continue;
    throw Violation{"replica " + std::to_string(node.id.value()) +
                    " may be elected and lacks committed records: it has " + text(safe_end) +
                    ", committed is " + text(checker_.committed_end())};
  }
}

std::string Cluster::unsettled() const {
  const auto at = leader();
  if (!at.has_value()) return "there is no leader";
  const Node& leads = nodes_[*at];
  if (controller_.isr().size() != nodes_.size()) return "not all replicas are in sync";
  if (leads.leader->isr().size() != nodes_.size()) return "the leader does not know that all are";
  if (leads.log.high_watermark() != leads.log.end()) return "the high watermark stands still";
  if (!leads.leader->may_serve_readers()) return "readers are held";
  for (const Node& node : nodes_) {
    const std::string who = "replica " + std::to_string(node.id.value());
    if (node.log.end() != leads.log.end()) return who + " has another log end";
    if (node.log.high_watermark() != leads.log.end()) return who + " has another high watermark";
    if (node.log.flushed_end() != leads.log.end()) return who + " has not flushed";
    // One that led may have deleted more than the present leader was told of.
    if (node.log.start() < leads.log.start()) return who + " has not deleted";
  }
  return "";
}

void Cluster::note_state() const {
  for (const Node& node : nodes_) {
    const auto& log = node.log;
    note("replica " + std::to_string(node.id.value()) + ": log " + text(log.start()) + " to " +
         text(log.end()) + ", flushed " + text(log.flushed_end()) + ", high watermark " +
         text(log.high_watermark()) +
         (node.leader != nullptr ? ", leads"
          : node.follower != nullptr
              ? ", follows in state " + std::to_string(static_cast<int>(node.follower->state()))
              : ""));
    if (node.leader == nullptr) continue;
    for (const ReplicaView& view : node.leader->replicas()) {
      note("  sees " + std::to_string(view.replica.value()) + " at " + text(view.log_end_offset) +
           (view.in_sync ? ", in sync" : ""));
    }
  }
}

void Cluster::check_rest() const {
  const auto at = leader();
  if (!at.has_value()) throw Violation{"there is no leader"};
  const Node& leads = nodes_[*at];
  for (const Node& node : nodes_) {
    checker_.must_hold_committed(node.id, node.log, leads.leader->leader_epoch());
    for (const SimBatch& batch : leads.log.batches()) {
      if (batch.base_offset < node.log.first_batch()) continue;
      const SimBatch* here = node.log.find(batch.base_offset);
      if (here == nullptr || *here != batch) {
        throw Violation{"logs differ at rest, at " + text(batch.base_offset)};
      }
    }
    const bool waits = (node.leader != nullptr && node.leader->next_timeout().has_value()) ||
                       (node.follower != nullptr && node.follower->next_timeout().has_value());
    if (waits) throw Violation{"an idle partition waits for a time"};
  }
}

std::uint64_t Cluster::state_digest() const {
  std::uint64_t digest = static_cast<std::uint64_t>(queue_.now().time_since_epoch().count());
  for (const Node& node : nodes_) {
    digest = digest * 1'000'003 + static_cast<std::uint64_t>(node.log.end().value());
    digest = digest * 1'000'003 + static_cast<std::uint64_t>(node.log.high_watermark().value());
    digest = digest * 1'000'003 + node.core;
  }
  return digest * 1'000'003 + stats_.messages;
}

}  // namespace strandline::partition_sim
