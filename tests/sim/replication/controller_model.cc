#include "tests/sim/replication/controller_model.h"

#include <algorithm>
#include <utility>

#include "protocol/base/assertion.h"

namespace strandline::partition_sim {

ControllerModel::ControllerModel(std::vector<ReplicaId> replicas, std::int32_t min_insync_replicas,
                                 bool flush_on_ack, const ControllerMistakes& mistakes)
    : replicas_(std::move(replicas)),
      min_insync_replicas_(min_insync_replicas),
      flush_on_ack_(flush_on_ack),
      mistakes_(mistakes),
      isr_(replicas_.begin(), replicas_.end()) {
  for (const ReplicaId replica : replicas_) brokers_[replica];
}

Incarnation ControllerModel::register_broker(Instant now, ReplicaId id,
                                             const Registration& registration) {
  Broker& broker = brokers_.at(id);
  broker.incarnation = Incarnation{++incarnations_};
  broker.fenced = false;
  broker.registered = registration;
  const bool may_lack_records = registration.damaged || (registration.unclean && !flush_on_ack_);
  if (may_lack_records) leave(id);
  if (leader_ == id) {
    leader_ = kNoReplica;
    leaderless_since_ = now;
    ++partition_epoch_;
  }
  elect(now);
  return broker.incarnation;
}

// Not even as one of those who know: its records cannot be vouched for.
void ControllerModel::leave(ReplicaId broker) {
  if (!isr_.contains(broker) && !eligible_.contains(broker)) return;
  // The last one that may know anything stays, whatever it knows.
  if (isr_.size() + eligible_.size() == 1) return;
  std::set<ReplicaId> isr = isr_;
  isr.erase(broker);
  take_isr(std::move(isr));
  eligible_.erase(broker);
}

void ControllerModel::fence(Instant now, ReplicaId id) {
  Broker& broker = brokers_.at(id);
  if (broker.fenced) return;
  broker.fenced = true;
  if (isr_.contains(id)) {
    std::set<ReplicaId> isr = isr_;
    isr.erase(id);
    take_isr(std::move(isr));
  }
  if (leader_ == id) {
    leader_ = kNoReplica;
    leaderless_since_ = now;
    ++partition_epoch_;
  }
  elect(now);
}

void ControllerModel::unfence(Instant now, ReplicaId id) {
  brokers_.at(id).fenced = false;
  elect(now);
}

// Who leaves while too few are left stays eligible: nothing is acknowledged until there are enough.
void ControllerModel::take_isr(std::set<ReplicaId> isr) {
  for (const ReplicaId replica : isr_) {
    if (!isr.contains(replica)) eligible_.insert(replica);
  }
  isr_ = std::move(isr);
  for (const ReplicaId replica : isr_) eligible_.erase(replica);
  if (std::cmp_greater_equal(isr_.size(), min_insync_replicas_)) eligible_.clear();
  ++partition_epoch_;
}

Errc ControllerModel::check_member(const IsrMember& member) const {
  if (std::ranges::find(replicas_, member.replica) == replicas_.end()) {
    return Errc::replica_not_available;
  }
  const Broker& broker = brokers_.at(member.replica);
  if (member.incarnation == kNoIncarnation) {
    return isr_.contains(member.replica) ? Errc::ok : Errc::invalid_request;
  }
  if (broker.fenced || broker.incarnation != member.incarnation) return Errc::broker_not_available;
  return Errc::ok;
}

std::variant<CommittedIsr, Refusal> ControllerModel::alter_isr(Instant now,
                                                               const IsrProposal& proposal) {
  const auto refuse = [&](Errc reason, ReplicaId at_fault = kNoReplica) {
    return Refusal{proposal.expected, reason, at_fault};
  };
  if (proposal.leader_epoch != leader_epoch_) return refuse(Errc::fenced_leader_epoch);
  if (leader_ == kNoReplica) return refuse(Errc::not_leader_or_follower);
  const bool is_stale = proposal.expected != partition_epoch_;
  if (is_stale && !mistakes_.compares_nothing) return refuse(Errc::invalid_request);
  std::set<ReplicaId> isr;
  for (const IsrMember& member : proposal.members) {
    const Errc error = check_member(member);
    if (error != Errc::ok) return refuse(error, member.replica);
    isr.insert(member.replica);
  }
  // They follow a leader of now: whatever they had lost they have again.
  for (const ReplicaId replica : isr) brokers_.at(replica).registered = {};
  take_isr(std::move(isr));
  finish_reassignment(now);
  return image().isr;
}

void ControllerModel::reassign(Instant now, std::vector<ReplicaId> target) {
  for (const ReplicaId id : target) {
    if (std::ranges::find(replicas_, id) == replicas_.end()) replicas_.push_back(id);
  }
  target_ = std::move(target);
  if (leader_ != kNoReplica) ++leader_epoch_;
  ++partition_epoch_;
  finish_reassignment(now);
}

void ControllerModel::finish_reassignment(Instant now) {
  if (!target_ || !std::ranges::all_of(*target_, [&](ReplicaId id) { return isr_.contains(id); })) {
    return;
  }
  replicas_ = *std::exchange(target_, std::nullopt);
  const auto has_replica = [&](ReplicaId id) {
    return std::ranges::find(replicas_, id) != replicas_.end();
  };
  take_isr({replicas_.begin(), replicas_.end()});
  std::erase_if(eligible_, [&](ReplicaId id) { return !has_replica(id); });
  if (leader_ != kNoReplica && has_replica(leader_)) {
    ++leader_epoch_;
  } else if (leader_ != kNoReplica) {
    leader_ = kNoReplica;
    leaderless_since_ = now;
  }
  elect(now);
}

void ControllerModel::set_min_insync_replicas(std::int32_t min_insync_replicas) {
  min_insync_replicas_ = min_insync_replicas;
  take_isr(isr_);
}

void ControllerModel::on_tick(Instant now) { elect(now); }

void ControllerModel::elect(Instant now) {
  if (leader_ != kNoReplica) return;
  const ReplicaId chosen = choose(now);
  if (chosen == kNoReplica) return;
  if (!isr_.contains(chosen)) take_isr({chosen});
  leader_ = chosen;
  brokers_.at(chosen).registered = {};  // what it has is what there is
  leaderless_since_.reset();
  if (!mistakes_.keeps_leader_epoch || leader_epoch_ == LeaderEpoch{0}) ++leader_epoch_;
  ++partition_epoch_;
}

ReplicaId ControllerModel::choose(Instant now) const {
  if (mistakes_.elects_anyone) {
    for (const auto& [id, broker] : brokers_) {
      if (!broker.fenced) return id;
    }
  }
  // Another one each time, so that every member gets to show what it has.
  const std::size_t first = static_cast<std::size_t>(leader_epoch_.value()) % replicas_.size();
  for (const auto* from : {&isr_, &eligible_}) {
    for (std::size_t i = 0; i < replicas_.size(); ++i) {
      const ReplicaId id = replicas_[(first + i) % replicas_.size()];
      const Broker& broker = brokers_.at(id);
      if (from->contains(id) && !broker.fenced && !broker.registered.cut) return id;
    }
  }
  std::set<ReplicaId> candidates = isr_;
  candidates.insert(eligible_.begin(), eligible_.end());
  return choose_among_cut(now, candidates);
}

// Whoever has most: of the others, one may have been lied to by its disk.
ReplicaId ControllerModel::choose_among_cut(Instant now,
                                            const std::set<ReplicaId>& candidates) const {
  ReplicaId best = kNoReplica;
  std::size_t present = 0;
  const auto length = [&](ReplicaId id) {
    const Registration& registered = brokers_.at(id).registered;
    return std::pair{registered.last_epoch, registered.log_end_offset};
  };
  for (const ReplicaId id : candidates) {
    if (brokers_.at(id).fenced) continue;
    ++present;
    if (best == kNoReplica || length(id) > length(best)) best = id;
  }
  const bool waited = leaderless_since_.has_value() && now - *leaderless_since_ >= kLeaderlessMax;
  const bool is_enough = present == candidates.size() || (waited && present >= 2);
  return is_enough ? best : kNoReplica;
}

Image ControllerModel::image() const {
  Image image;
  image.isr = {
      .partition_epoch = partition_epoch_,
      .members = {isr_.begin(), isr_.end()},
      .min_insync_replicas = mistakes_.hides_min_insync_replicas ? 1 : min_insync_replicas_};
  image.replicas = replicas_;
  image.leader = leader_;
  image.leader_epoch = leader_epoch_;
  image.min_insync_replicas = min_insync_replicas_;
  for (const auto& [id, broker] : brokers_) image.incarnations[id] = broker.incarnation;
  return image;
}

bool ControllerModel::is_needed(ReplicaId broker) const {
  const auto holds = [&](ReplicaId id) { return isr_.contains(id) || eligible_.contains(id); };
  return holds(broker) && isr_.size() + eligible_.size() < 2;
}

}  // namespace strandline::partition_sim
