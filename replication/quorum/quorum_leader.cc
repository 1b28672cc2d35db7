// Leading: sending the log, counting who has it, and knowing when to stop.
#include <algorithm>
#include <functional>
#include <utility>

#include "protocol/base/assertion.h"
#include "replication/quorum/quorum.h"

namespace strandline {
namespace {

// An observer that says nothing for this many election time-outs is not sent to any more.
constexpr int kObserverSilence = 3;

}  // namespace

void Quorum::become_leader(Instant now) {
  STRANDLINE_ASSERT(role_ == QuorumRole::candidate);
  role_ = QuorumRole::leader;
  set_leader(vote_.epoch, config_.self);
  led_since_ = now;
  match_progress_to_voters();
  emit(BecameLeader{vote_.epoch});
  ask_all(now);
  deadline_ = now + config_.heartbeat_interval;
}

void Quorum::lead_on(Instant now) {
  const bool may_go_on =
      now - led_since_ < config_.election_timeout || hears_majority(now, log_.voters());
  if (!may_go_on) return follow(now, vote_.epoch, std::nullopt);
  forget_silent_observers(now);
  if (transfer_to_ && now >= transfer_until_) transfer_to_.reset();
  const bool is_needed = std::ranges::any_of(
      progress_, [](const auto& entry) { return entry.second.snapshot_position.has_value(); });
  if (!is_needed) snapshot_.reset();
  ask_all(now);
  deadline_ = now + config_.heartbeat_interval;
}

bool Quorum::hears_majority(Instant now, const VoterSet& voters) const {
  std::size_t heard = 0;
  for (const Voter& voter : voters.all()) {
    if (voter.key == config_.self) {
      ++heard;
      continue;
    }
    const auto known = progress_.find(voter.key);
    if (known == progress_.end() || !known->second.heard) continue;
    if (now - *known->second.heard < config_.election_timeout) ++heard;
  }
  return heard >= voters.majority();
}

void Quorum::ask_all(Instant now) {
  for (auto& [key, progress] : progress_) {
    const std::uint64_t before = progress.sent_round;
    replicate_to(key, progress, Word::in_any_case);
    if (progress.asked_round != 0 || progress.sent_round == before) continue;
    progress.asked_round = progress.sent_round;
    progress.asked_at = now;
  }
}

std::optional<Instant> Quorum::led_at(Instant now) const {
  if (!leads()) return std::nullopt;
  std::vector<Instant> followed;
  for (const Voter& voter : log_.voters().all()) {
    if (voter.key == config_.self) {
      followed.push_back(now);
      continue;
    }
    const auto known = progress_.find(voter.key);
    if (known != progress_.end() && known->second.followed_at) {
      followed.push_back(*known->second.followed_at);
    }
  }
  const std::size_t majority = log_.voters().majority();
  if (followed.size() < majority) return std::nullopt;
  std::sort(followed.begin(), followed.end(), std::greater<>{});
  return followed[majority - 1];
}

void Quorum::match_progress_to_voters() {
  for (const Voter& voter : log_.voters().all()) {
    if (voter.key == config_.self) continue;
    progress_.try_emplace(voter.key, Progress{.next = log_.end().offset});
  }
}

void Quorum::forget_silent_observers(Instant now) {
  std::erase_if(progress_, [&](const auto& entry) {
    const auto& [key, progress] = entry;
    if (log_.voters().contains(key)) return false;
    return !progress.heard || now - *progress.heard > kObserverSilence * config_.election_timeout;
  });
}

// --- sending

void Quorum::replicate_to_all(Word word) {
  for (auto& [key, progress] : progress_) replicate_to(key, progress, word);
}

void Quorum::replicate_to(const ReplicaKey& key, Progress& progress, Word word) {
  if (progress.next < log_.start()) return send_snapshot(key, progress, word);
  progress.snapshot_position.reset();
  if (!log_.is_boundary(progress.next)) progress.go_to(log_.start());
  bool sent = false;
  while (progress.next < log_.end().offset &&
         progress.in_flight() < config_.messages_in_flight_max) {
    std::vector<QuorumBatch> batches = log_.read(progress.next, config_.message_bytes_max);
    const Offset next = batches.back().next_offset;
    send_request(key, progress, std::move(batches));
    progress.next = next;
    sent = true;
  }
  // Says that the leader lives, how far is committed, and finds out what was lost on the way.
  if (!sent && word == Word::in_any_case) send_request(key, progress, {});
}

void Quorum::send_request(const ReplicaKey& key, Progress& progress,
                          std::vector<QuorumBatch> batches) {
  send(key, ReplicateRequest{.epoch = vote_.epoch,
                             .leader = config_.self,
                             .round = ++progress.sent_round,
                             .incarnation = progress.incarnation,
                             .previous = {log_.epoch_before(progress.next), progress.next},
                             .batches = std::move(batches),
                             .committed = committed_});
}

void Quorum::send_snapshot(const ReplicaKey& key, Progress& progress, Word word) {
  if (snapshot_ && snapshot_end_.offset < log_.start()) snapshot_.reset();
  if (!snapshot_) {
    if (!std::exchange(snapshot_asked_, true)) emit(LoadSnapshot{});
    // Until it is there the follower has to know that it has a leader; it does not hold the start.
    if (word == Word::in_any_case) {
      send(key, ReplicateRequest{.epoch = vote_.epoch,
                                 .leader = config_.self,
                                 .round = ++progress.sent_round,
                                 .incarnation = progress.incarnation,
                                 .previous = {log_.epoch_before(log_.start()), log_.start()},
                                 .batches = {},
                                 .committed = committed_});
    }
    return;
  }
  if (!progress.snapshot_position || progress.snapshot_offset != snapshot_end_.offset) {
    progress.snapshot_position = 0;
    progress.snapshot_offset = snapshot_end_.offset;
    word = Word::in_any_case;
  }
  if (word != Word::in_any_case) return;
  const auto position = std::min<std::size_t>(*progress.snapshot_position, snapshot_->size() - 1);
  const std::size_t size = std::min(config_.message_bytes_max, snapshot_->size() - position);
  const auto first = snapshot_->begin() + static_cast<std::ptrdiff_t>(position);
  send(key, SnapshotChunk{.epoch = vote_.epoch,
                          .leader = config_.self,
                          .round = ++progress.sent_round,
                          .end = snapshot_end_,
                          .position = position,
                          .size = snapshot_->size(),
                          .bytes = {first, first + static_cast<std::ptrdiff_t>(size)}});
}

void Quorum::on_snapshot_loaded(Instant, const LogEnd& end,
                                std::shared_ptr<const std::vector<std::byte>> bytes) {
  snapshot_asked_ = false;
  if (!leads() || !bytes || bytes->empty() || end.offset < log_.start()) return;
  snapshot_ = std::move(bytes);
  snapshot_end_ = end;
  for (auto& [key, progress] : progress_) {
    if (progress.next < log_.start()) replicate_to(key, progress, Word::in_any_case);
  }
}

// --- hearing

Progress* Quorum::heard_from(Instant now, const ReplicaKey& key, std::uint64_t incarnation,
                             LeaderEpoch epoch, std::uint64_t round) {
  if (epoch > vote_.epoch) {
    follow(now, epoch, std::nullopt);
    return nullptr;
  }
  if (!leads() || epoch != vote_.epoch) return nullptr;
  const auto known = progress_.find(key);
  if (known == progress_.end()) return nullptr;
  Progress& progress = known->second;
  if (incarnation < progress.incarnation || round > progress.sent_round) return nullptr;
  if (incarnation > progress.incarnation) {
    // It has started again: what it said before may be lost.
    progress.incarnation = incarnation;
    progress.flushed = Offset{0};
    progress.snapshot_position.reset();
  }
  progress.heard = now;
  progress.answered(round);
  return &progress;
}

void Quorum::on(Instant now, const ReplicateResponse& response) {
  Progress* progress =
      heard_from(now, response.replica, response.incarnation, response.epoch, response.round);
  if (progress == nullptr) return;
  if (response.diverged) {
    if (response.round > progress->reset_round) {
      const LogEnd here = log_.end_of_epoch(response.log_end.epoch);
      const bool meet_here = here.epoch <= response.log_end.epoch;
      progress->go_to(meet_here ? std::min(here.offset, response.log_end.offset)
                                : log_.start() - 1);  // it parts below: that takes a snapshot
    }
  } else if (log_.is_boundary(response.flushed)) {
    progress->flushed = std::max(progress->flushed, response.flushed);
    if (progress->next < progress->flushed) progress->go_to(progress->flushed);
  }
  replicate_to(response.replica, *progress, Word::if_there_is_news);
  advance_commit(now);
  if (leads()) hand_over_if_caught_up();
}

void Quorum::on(Instant now, const SnapshotResponse& response) {
  Progress* progress =
      heard_from(now, response.replica, response.incarnation, response.epoch, response.round);
  if (progress == nullptr || !progress->snapshot_position) return;
  if (response.end != snapshot_end_ || !snapshot_) return;
  if (response.position >= snapshot_->size()) {
    progress->snapshot_position.reset();
    progress->go_to(snapshot_end_.offset);
  } else if (response.round == progress->sent_round) {
    progress->snapshot_position = response.position;
  } else {
    return;  // to a piece that was sent again since
  }
  replicate_to(response.replica, *progress, Word::in_any_case);
}

void Quorum::on(Instant now, const FollowRequest& request) {
  if (!leads()) {
    if (!leader_) return;
    const Voter* leader = log_.voters().find(*leader_);
    send(request.replica, FollowResponse{.epoch = vote_.epoch,
                                         .leader = leader == nullptr ? std::optional<Voter>{}
                                                                     : std::optional{*leader}});
    return;
  }
  if (request.replica == config_.self) return;
  const auto known = progress_.find(request.replica);
  if (known == progress_.end()) {
    if (progress_.size() >= config_.observers_max + log_.voters().size()) return;
    progress_.emplace(request.replica, Progress{.next = log_.end().offset});
  }
  Progress* progress = heard_from(now, request.replica, request.incarnation, vote_.epoch, 0);
  if (progress != nullptr) replicate_to(request.replica, *progress, Word::in_any_case);
}

// --- deciding

// A record of an earlier epoch is committed only along with one of this epoch (Ongaro, Ousterhout
// 2014, section 5.4.2).
void Quorum::advance_commit(Instant now) {
  std::vector<Offset> flushed;
  for (const Voter& voter : log_.voters().all()) {
    const auto known = progress_.find(voter.key);
    flushed.push_back(voter.key == config_.self  ? acknowledged()
                      : known != progress_.end() ? known->second.flushed
                                                 : Offset{0});
  }
  if (flushed.empty()) return;
  std::ranges::sort(flushed, std::greater{});
  const Offset decided = flushed[log_.voters().majority() - 1];
  if (decided <= committed_ || log_.epoch_before(decided) != vote_.epoch) return;
  commit_to(decided);
  if (!std::exchange(ready_, true)) emit(LeaderReady{vote_.epoch});
  if (vote_.uncertain) become_certain();
  replicate_to_all(Word::in_any_case);
  resign_if_removed(now);
}

Errc Quorum::append(Instant now, QuorumBatch batch) {
  if (!leads() || transfer_to_) return Errc::not_controller;
  STRANDLINE_ASSERT(batch.base_offset == log_.end().offset);
  STRANDLINE_ASSERT(batch.epoch == vote_.epoch);
  STRANDLINE_ASSERT(!batch.voters || check_voters(now, *batch.voters) == Errc::ok);
  emit(AppendLog{{batch}});
  log_.append(std::move(batch));
  match_progress_to_voters();
  replicate_to_all(Word::if_there_is_news);
  advance_commit(now);  // of fewer voters than before
  return Errc::ok;
}

Errc Quorum::check_voters(Instant now, const VoterSet& voters) const {
  if (!is_ready() || transfer_to_) return Errc::not_controller;
  if (log_.voters_end().offset > committed_) return Errc::voter_change_pending;
  if (voters.empty() || !voters.is_one_step_from(log_.voters())) return Errc::invalid_voters;
  for (const Voter& voter : voters.all()) {
    if (log_.voters().contains(voter.key)) continue;
    const auto known = progress_.find(voter.key);
    const bool has_all = known != progress_.end() && known->second.flushed >= committed_;
    if (!has_all) return Errc::voter_not_caught_up;
  }
  return hears_majority(now, voters) ? Errc::ok : Errc::voters_silent;
}

Errc Quorum::transfer_leadership(Instant now, const ReplicaKey& to) {
  if (!leads()) return Errc::not_controller;
  if (to == config_.self || !log_.voters().contains(to)) return Errc::invalid_voters;
  transfer_to_ = to;
  transfer_until_ = now + config_.election_timeout;
  hand_over_if_caught_up();
  return Errc::ok;
}

void Quorum::hand_over_if_caught_up() {
  if (!transfer_to_) return;
  const auto known = progress_.find(*transfer_to_);
  if (known == progress_.end() || known->second.flushed != log_.end().offset) return;
  send(*transfer_to_, TransferRequest{vote_.epoch, config_.self});
}

// A leader that is no voter any more leads until that is committed, then lets the best follower
// take over.
void Quorum::resign_if_removed(Instant now) {
  if (may_lead() || log_.voters_end().offset > committed_) return;
  const auto best = std::ranges::max_element(log_.voters().all(), {}, [this](const Voter& voter) {
    const auto known = progress_.find(voter.key);
    return known == progress_.end() ? Offset{0} : known->second.flushed;
  });
  send(best->key, TransferRequest{vote_.epoch, config_.self});
  follow(now, vote_.epoch, std::nullopt);
}

std::vector<Quorum::Replica> Quorum::replicas() const {
  std::vector<Replica> all;
  for (const auto& [key, progress] : progress_) {
    all.push_back({key, log_.voters().contains(key), progress.flushed, progress.heard});
  }
  return all;
}

}  // namespace strandline
