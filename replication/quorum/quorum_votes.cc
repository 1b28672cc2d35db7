// Elections: who may lead, and in which epoch.
#include <algorithm>
#include <utility>

#include "protocol/base/assertion.h"
#include "replication/quorum/quorum.h"

namespace strandline {

bool Quorum::Tally::wins(const VoterSet& voters, const VoterSet& before) const {
  std::size_t sure = 0;
  for (const Voter& voter : voters.all()) sure += certain.contains(voter.key) ? 1 : 0;
  if (sure >= voters.majority()) return true;
  // A change that was never committed may have left out whoever has what was.
  const auto granted = [this](const Voter& voter) {
    return certain.contains(voter.key) || uncertain.contains(voter.key);
  };
  return !voters.empty() && std::ranges::all_of(voters.all(), granted) &&
         std::ranges::all_of(before.all(), granted);
}

const VoterSet& Quorum::settled_voters() const {
  const QuorumBatch* change = log_.voters_change();
  const bool is_settled = change == nullptr || change->next_offset <= vote_.voters_settled ||
                          change->next_offset <= committed_;
  return is_settled ? log_.voters() : log_.voters_at(change->next_offset - 1);
}

// One whose vote is taken away by a batch that is not known to be committed may be needed still: it
// may be the only one that has the batch, and whoever lacks it is not elected without it (Ongaro
// 2014, section 4.2.2).
bool Quorum::may_lead() const {
  if (has_lost_voters()) return false;
  if (log_.voters().contains(config_.self)) return true;
  const Offset end = log_.voters_end().offset;
  return end > committed_ && log_.voters_at(end - 1).contains(config_.self);
}

bool Quorum::has_fresh_leader(Instant now) const {
  if (leads()) return true;
  return leader_ && !leader_lost_ && heard_leader_ &&
         now - heard_leader_->at < config_.election_timeout;
}

void Quorum::set_leader(LeaderEpoch epoch, std::optional<ReplicaKey> leader) {
  const bool changed = epoch != vote_.epoch || leader != leader_;
  if (epoch != vote_.epoch) {
    STRANDLINE_ASSERT(epoch > vote_.epoch);
    vote_.epoch = epoch;
    vote_.voted_for.reset();
  }
  leader_ = std::move(leader);
  if (changed) emit(LeaderChanged{epoch, leader_});
}

void Quorum::follow(Instant now, LeaderEpoch epoch, std::optional<ReplicaKey> leader) {
  set_leader(epoch, std::move(leader));
  if (leads()) heard_leader_.reset();  // whoever led before was heard long ago
  role_ = QuorumRole::follower;
  leader_lost_ = false;
  round_ = 0;
  matched_ = committed_;
  leader_committed_.reset();
  // What is being installed is of no term; what is half received may not be sent on.
  if (receiving_ && !receiving_->installing) receiving_.reset();
  tally_ = {};
  ready_ = false;
  progress_.clear();
  transfer_to_.reset();
  snapshot_.reset();
  snapshot_asked_ = false;
  deadline_ = now + random_timeout();
}

void Quorum::persist(const QuorumVote& vote) {
  vote_ = vote;
  emit(PersistVote{vote});
}

// A change of the voters counts as being on the disk when the durable vote knows of it as well.
Offset Quorum::acknowledged() const {
  const QuorumBatch* change = log_.voters_change();
  if (change == nullptr || persisted_.voters_seen >= log_.voters_end()) return flushed_;
  return std::min(flushed_, change->base_offset);
}

void Quorum::note_voters_settled() {
  const QuorumBatch* change = log_.voters_change();
  if (change == nullptr || change->next_offset > committed_) return;
  settled_change_ = log_.voters_end();
  learn_voters_settled(settled_change_);
}

// Others may know of a commit that this replica's disk does not: it forgot in a crash, or a leader
// told them only.
void Quorum::learn_voters_settled(const LogEnd& change) {
  const bool is_ours = log_.voters_change() != nullptr && log_.voters_end() == change;
  if (!is_ours || change.offset <= vote_.voters_settled) return;
  QuorumVote vote = vote_;
  vote.voters_settled = change.offset;
  persist(vote);
}

// Epoch and offset name one batch: the epoch had one leader, who appended once there.
bool Quorum::knows_settled(const LogEnd& change) const {
  if (change.offset == Offset{0}) return false;
  if (change == settled_change_ || change == log_.start_end()) return true;
  const bool is_ours = log_.voters_change() != nullptr && log_.voters_end() == change;
  return is_ours && change.offset <= std::max(committed_, vote_.voters_settled);
}

void Quorum::note_voters_seen() {
  const QuorumBatch* change = log_.voters_change();
  const bool is_new =
      change != nullptr && change->next_offset <= flushed_ && log_.voters_end() > vote_.voters_seen;
  // Cut off by a leader: it was never decided. An uncertain replica may have lost more than that.
  const bool is_gone = !vote_.uncertain && vote_.voters_seen > log_.end();
  if (!is_new && !is_gone) return;
  QuorumVote vote = vote_;
  vote.voters_seen = log_.voters_end();
  persist(vote);
}

void Quorum::become_certain() {
  QuorumVote vote = vote_;
  vote.uncertain = false;
  persist(vote);
}

// --- asking

void Quorum::begin_pre_vote(Instant now) {
  follow(now, vote_.epoch, std::nullopt);
  role_ = QuorumRole::prospective;
  // It may have lost its vote without knowing: then somebody leads, and does not send it the log.
  emit(FindLeader{FollowRequest{config_.self, incarnation_}});
  ask_for_votes(true);
  count_vote(now, config_.self, vote_.uncertain);
}

void Quorum::begin_election(Instant now, bool by_transfer) {
  follow(now, vote_.epoch + 1, std::nullopt);
  role_ = QuorumRole::candidate;
  by_transfer_ = by_transfer;
  // Asks the others when its own vote is safe: it must not give another one in this epoch.
  QuorumVote vote = vote_;
  vote.voted_for = config_.self;
  persist(vote);
}

void Quorum::on_vote_persisted(Instant now, const QuorumVote& vote) {
  const bool sees_more = vote.voters_seen > persisted_.voters_seen;
  persisted_ = vote;
  if (sees_more && leads()) return advance_commit(now);
  if (sees_more) {
    become_certain_if_caught_up();
    answer_leader();
  }
  if (vote != vote_) return;  // a newer one is on its way
  if (role_ == QuorumRole::candidate) {
    ask_for_votes(false);
    return count_vote(now, config_.self, vote_.uncertain);
  }
  if (vote_waiting_ && vote_waiting_->asked == vote.epoch && vote.voted_for) {
    send(*vote.voted_for, *vote_waiting_);
    vote_waiting_.reset();
  }
}

void Quorum::ask_for_votes(bool pre_vote) {
  VoterSet asked = log_.voters();
  for (const Voter& voter : settled_voters().all()) asked = asked.with(voter);
  for (const Voter& voter : asked.all()) {
    if (voter.key == config_.self) continue;
    send(voter.key, VoteRequest{.epoch = pre_vote ? vote_.epoch + 1 : vote_.epoch,
                                .candidate = config_.self,
                                .voter = voter.key,
                                .log_end = log_.end(),
                                .voters = log_.voters_end(),
                                .pre_vote = pre_vote,
                                .by_transfer = by_transfer_ && !pre_vote});
  }
}

void Quorum::count_vote(Instant now, const ReplicaKey& voter, bool uncertain) {
  (uncertain ? tally_.uncertain : tally_.certain).insert(voter);
  conclude_if_won(now);
}

void Quorum::conclude_if_won(Instant now) {
  if (!tally_.wins(log_.voters(), settled_voters())) return;
  if (role_ == QuorumRole::prospective) return begin_election(now, false);
  become_leader(now);
}

void Quorum::on(Instant now, const VoteResponse& response) {
  learn_voters_settled(response.voters_settled);
  if (response.epoch > vote_.epoch) return follow(now, response.epoch, std::nullopt);
  const bool is_awaited =
      response.pre_vote ? role_ == QuorumRole::prospective && response.asked == vote_.epoch + 1
                        : role_ == QuorumRole::candidate && response.asked == vote_.epoch;
  if (!is_awaited) return;
  if (response.granted) return count_vote(now, response.voter, response.uncertain);
  conclude_if_won(now);  // with fewer votes, perhaps, than were needed before
}

// --- being asked

bool Quorum::would_vote_for(Instant now, const VoteRequest& request) const {
  if (request.epoch < vote_.epoch) return false;
  // The candidate may lack the same change, and so the voters that have to be asked.
  if (has_lost_voters() && request.voters < vote_.voters_seen) return false;
  if (!request.by_transfer && has_fresh_leader(now)) return false;
  if (request.log_end < log_.end()) return false;
  if (request.epoch > vote_.epoch) return true;
  return !leader_ && (!vote_.voted_for || vote_.voted_for == request.candidate);
}

void Quorum::on(Instant now, const VoteRequest& request) {
  if (request.voter != config_.self) return;  // whoever had this place before is no more
  const bool grants = would_vote_for(now, request);
  VoteResponse response{
      .epoch = vote_.epoch,
      .asked = request.epoch,
      .voter = config_.self,
      .pre_vote = request.pre_vote,
      .granted = grants,
      .uncertain = vote_.uncertain,
      .voters_settled = knows_settled(request.voters) ? request.voters : LogEnd{}};
  if (request.pre_vote) return send(request.candidate, response);
  const bool disturbs = !request.by_transfer && has_fresh_leader(now);
  if (request.epoch > vote_.epoch && !disturbs) follow(now, request.epoch, std::nullopt);
  response.epoch = vote_.epoch;
  if (!grants) return send(request.candidate, response);
  deadline_ = now + random_timeout();
  const bool is_safe =
      persisted_.epoch == request.epoch && persisted_.voted_for == request.candidate;
  if (is_safe) return send(request.candidate, response);
  vote_waiting_ = response;
  if (vote_.voted_for == request.candidate) return;  // on its way to the disk
  QuorumVote vote = vote_;
  vote.voted_for = request.candidate;
  persist(vote);
}

}  // namespace strandline
