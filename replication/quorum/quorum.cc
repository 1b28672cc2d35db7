#include "replication/quorum/quorum.h"

#include <algorithm>
#include <utility>

#include "protocol/base/assertion.h"

namespace strandline {

Quorum::Quorum(Instant now, QuorumConfig config, QuorumStart start, std::uint64_t seed)
    : config_(std::move(config)),
      incarnation_(start.incarnation),
      prng_(seed),
      log_(std::move(start.log)),
      vote_(start.vote),
      persisted_(start.vote),
      flushed_(log_.end().offset),
      committed_(log_.start()),
      deadline_(now),
      matched_(log_.start()) {
  // Batches of a later epoch than the vote: this replica followed a leader it had not voted for.
  if (log_.end().epoch > vote_.epoch) {
    vote_.epoch = log_.end().epoch;
    vote_.voted_for.reset();
  }
  note_voters_seen();
  // Nobody else could be leading a lone voter.
  const bool is_alone = log_.voters().contains(config_.self) && log_.voters().size() == 1;
  if (may_lead() && !is_alone) deadline_ = now + random_timeout();
}

Duration Quorum::random_timeout() {
  const auto span = static_cast<std::uint64_t>(config_.election_spread.count());
  return config_.election_timeout + Duration{static_cast<Duration::rep>(prng_.below(span))};
}

void Quorum::on_message(Instant now, const QuorumMessage& message) {
  std::visit([&](const auto& what) { on(now, what); }, message);
}

void Quorum::on_timeout(Instant now) {
  if (now < deadline_) return;
  if (leads()) {
    lead_on(now);
  } else if (may_lead()) {
    begin_pre_vote(now);
  } else {
    wait_for_leader(now);
  }
}

void Quorum::on_synced(Instant now, Offset flushed_end) {
  const Offset flushed = std::min(flushed_end, log_.end().offset);
  if (flushed <= flushed_) return;
  flushed_ = flushed;
  note_voters_seen();
  if (leads()) return advance_commit(now);
  become_certain_if_caught_up();
  answer_leader();
}

void Quorum::on_peer_lost(Instant now, BrokerId node) {
  if (leads() || !leader_ || leader_->node != node) return;
  leader_lost_ = true;
  ask_for_votes_soon(now);
}

// Whoever is back may be the one whose vote was lacking: a network that healed is not left unused
// for the rest of a time-out.
void Quorum::on_peer_found(Instant now) {
  const bool waits = role_ == QuorumRole::follower || role_ == QuorumRole::prospective;
  if (waits && !leader_ && may_lead()) ask_for_votes_soon(now);
}

void Quorum::ask_for_votes_soon(Instant now) {
  const auto span = static_cast<std::uint64_t>(config_.peer_wait_max.count());
  deadline_ =
      std::min(deadline_, now + Duration{static_cast<Duration::rep>(prng_.below(span + 1))});
}

void Quorum::on_log_start(Offset end) {
  STRANDLINE_ASSERT(end <= committed_);
  log_.cut_start(end);
}

void Quorum::commit_to(Offset end) {
  if (end <= committed_) return;
  committed_ = end;
  emit(Committed{end});
  note_voters_settled();
}

std::vector<QuorumEffect> Quorum::take_effects() { return std::exchange(effects_, {}); }

void Quorum::assert_invariants() {
  STRANDLINE_ASSERT(log_.start() <= committed_);
  STRANDLINE_ASSERT(committed_ <= log_.end().offset);
  STRANDLINE_ASSERT(flushed_ <= log_.end().offset);
  STRANDLINE_ASSERT(matched_ <= log_.end().offset);
  STRANDLINE_ASSERT(log_.end().epoch <= vote_.epoch);
  STRANDLINE_ASSERT(vote_.epoch >= epoch_before_);
  STRANDLINE_ASSERT(committed_ >= committed_before_);
  STRANDLINE_ASSERT(!leads() || leader_ == config_.self);
  STRANDLINE_ASSERT(!leads() || vote_.voted_for == config_.self);
  epoch_before_ = vote_.epoch;
  committed_before_ = committed_;
}

}  // namespace strandline
