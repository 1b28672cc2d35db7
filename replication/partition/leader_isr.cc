// Who is in sync: when the leader asks the controller for another ISR.
#include <algorithm>
#include <utility>

#include "protocol/base/assertion.h"
#include "replication/partition/partition_leader.h"

namespace strandline {

bool PartitionLeader::is_complete(const FollowerState& follower) const {
  return follower.safe_end(config_.flush_on_ack) >= log_end_;
}

bool PartitionLeader::is_lagging(const FollowerState& follower, Instant now) const {
  if (is_complete(follower)) return false;
  return follower.stalled || !follower.lag.caught_up_at().has_value() ||
         now - *follower.lag.caught_up_at() >= lag_max();
}

// As soon as an addition is committed the replica may be elected, so it holds by then what was ever
// acknowledged: all below the high watermark, which an earlier leader may have had further up, but
// not beyond the log end of this election. From the proposal on it is waited for. It has to be
// nearer to the end than one that is about to leave, or it would come and go.
bool PartitionLeader::is_near(const FollowerState& follower, Instant now) const {
  const Offset safe_end = follower.safe_end(config_.flush_on_ack);
  if (safe_end < std::max(high_watermark_, elected_end_)) return false;
  if (is_complete(follower)) return true;
  return follower.lag.caught_up_at().has_value() &&
         now - *follower.lag.caught_up_at() <= lag_max() / 2;
}

bool PartitionLeader::may_join(const FollowerState& follower, Instant now) const {
  return follower.is_streaming() && !follower.stalled && !follower.barred &&
         !follower.refused_until.has_value() && is_near(follower, now);
}

void PartitionLeader::consider_isr(Instant now) {
  if (is_deposed_) return;
  for (auto& [replica, follower] : followers_) {
    const bool is_over = follower.refused_until.has_value() && now >= *follower.refused_until;
    if (is_over) follower.refused_until.reset();
  }
  if (isr_.pending().has_value()) {
    if (now < proposed_at_ + retry()) return;
    // The answer is late. The same once more does no harm: at most one of the two is taken.
    proposed_at_ = now;
    effects_.emplace_back(ProposeIsr{*isr_.pending()});
    return;
  }
  if (refused_until_.has_value() && now < *refused_until_) return;
  refused_until_.reset();
  // A doubt is settled by any committed change, also by one that changes nothing.
  if (!wants_other_isr(now) && !isr_.has_doubt()) return;
  std::set<ReplicaId> members{config_.self};
  for (const auto& [replica, follower] : followers_) {
    const bool stays = isr_.contains(replica) && !is_lagging(follower, now);
    const bool joins = !isr_.contains(replica) && may_join(follower, now);
    if (stays || joins) members.insert(replica);
  }
  propose(now, members);
}

// Asked at every input, so nothing is built for the answer.
bool PartitionLeader::wants_other_isr(Instant now) const {
  std::size_t known = 1;
  for (const auto& [replica, follower] : followers_) {
    const bool is_member = isr_.contains(replica);
    if (is_member ? is_lagging(follower, now) : may_join(follower, now)) return true;
    if (is_member) ++known;
  }
  return known != isr_.size();  // somebody in it who is not assigned
}

void PartitionLeader::propose(Instant now, const std::set<ReplicaId>& members) {
  IsrProposal proposal{.leader_epoch = term_epoch_, .expected = isr_.partition_epoch()};
  for (const ReplicaId replica : members) {
    if (replica == config_.self) {
      proposal.members.push_back({replica, config_.incarnation});
      continue;
    }
    const FollowerState& follower = followers_.at(replica);
    const bool is_known =
        follower.stream != FollowerState::Stream::none && !follower.refused_until.has_value();
    proposal.members.push_back({replica, is_known ? follower.name.incarnation : kNoIncarnation});
  }
  isr_.propose(proposal);
  proposed_at_ = now;
  effects_.emplace_back(ProposeIsr{std::move(proposal)});
}

void PartitionLeader::on_isr_refused(Instant now, PartitionEpoch expected, Errc reason,
                                     ReplicaId at_fault) {
  const bool is_over =
      reason == Errc::fenced_leader_epoch || reason == Errc::not_leader_or_follower;
  if (is_over) is_deposed_ = true;
  if (!isr_.refuse(expected)) return;
  refused_until_ = now + retry();
  const auto follower = followers_.find(at_fault);
  if (follower != followers_.end()) follower->second.refused_until = now + lag_max();
  settle(now);
}

void PartitionLeader::set_barred(Instant now, const std::set<ReplicaId>& replicas) {
  for (auto& [replica, follower] : followers_) follower.barred = replicas.contains(replica);
  settle(now);
}

std::optional<Instant> PartitionLeader::next_isr_timeout() const {
  if (is_deposed_) return std::nullopt;
  if (isr_.pending().has_value()) return proposed_at_ + retry();
  std::optional<Instant> next;
  const auto at = [&](Instant time) {
    const Instant due = std::max(time, refused_until_.value_or(time));
    next = std::min(next.value_or(due), due);
  };
  for (const auto& [replica, follower] : followers_) {
    if (!isr_.contains(replica)) {
      if (follower.refused_until.has_value()) at(*follower.refused_until);
      continue;
    }
    if (is_complete(follower)) continue;
    // Some leave without a delay, as soon as the controller may be asked again.
    const std::optional<Instant> caught_up_at = follower.lag.caught_up_at();
    const bool leaves_now = follower.stalled || !caught_up_at.has_value();
    if (!leaves_now) {
      at(*caught_up_at + lag_max());
    } else if (refused_until_.has_value()) {
      at(*refused_until_);
    }
  }
  if (isr_.has_doubt() && refused_until_.has_value()) at(*refused_until_);
  return next;
}

}  // namespace strandline
