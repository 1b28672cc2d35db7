// Following a leader: taking its batches, its commits and its snapshots.
#include <algorithm>
#include <utility>

#include "protocol/base/assertion.h"
#include "replication/quorum/quorum.h"

namespace strandline {

// An observer without a leader: whoever knows one is asked.
void Quorum::wait_for_leader(Instant now) {
  set_leader(vote_.epoch, std::nullopt);
  emit(FindLeader{FollowRequest{config_.self, incarnation_}});
  deadline_ = now + random_timeout() / 2;
}

bool Quorum::accept_leader(Instant now, LeaderEpoch epoch, const ReplicaKey& leader) {
  if (epoch < vote_.epoch) {
    send(leader, ReplicateResponse{
                     .epoch = vote_.epoch, .replica = config_.self, .incarnation = incarnation_});
    return false;
  }
  if (epoch == vote_.epoch && (leads() || (leader_ && leader_ != leader))) return false;
  if (epoch > vote_.epoch || role_ != QuorumRole::follower || !leader_) follow(now, epoch, leader);
  heard_leader_ = HeardLeader{leader, now};
  leader_lost_ = false;
  deadline_ = now + random_timeout();
  return true;
}

// What is committed is the same everywhere; behind that the epoch of a record says whose it is.
bool Quorum::holds(const LogEnd& previous) const {
  if (previous.offset <= committed_) return true;
  return log_.is_boundary(previous.offset) && log_.epoch_before(previous.offset) == previous.epoch;
}

namespace {

bool is_well_formed(const ReplicateRequest& request) {
  LogEnd end = request.previous;
  for (const QuorumBatch& batch : request.batches) {
    if (batch.base_offset != end.offset || batch.next_offset <= batch.base_offset) return false;
    if (batch.epoch < end.epoch || batch.epoch > request.epoch || !batch.bytes) return false;
    end = {batch.epoch, batch.next_offset};
  }
  return end.epoch <= request.epoch;
}

}  // namespace

void Quorum::on(Instant now, const ReplicateRequest& request) {
  if (!is_well_formed(request)) return;
  if (!accept_leader(now, request.epoch, request.leader)) return;
  // The log begins anew behind the snapshot: what is appended now would be lost with the old one.
  if (receiving_ && receiving_->installing) return;
  round_ = std::max(round_, request.round);
  if (!holds(request.previous)) {
    return send(request.leader,
                ReplicateResponse{.epoch = vote_.epoch,
                                  .replica = config_.self,
                                  .incarnation = incarnation_,
                                  .round = request.round,
                                  .diverged = true,
                                  .log_end = log_.end_of_epoch(request.previous.epoch)});
  }
  if (!take_batches(request)) return;
  const Offset end =
      request.batches.empty() ? request.previous.offset : request.batches.back().next_offset;
  matched_ = std::max(matched_, std::min(end, log_.end().offset));
  if (request.incarnation == incarnation_) {
    leader_committed_ = std::max(leader_committed_.value_or(Offset{0}), request.committed);
  }
  const Offset committed = std::min(request.committed, matched_);
  if (log_.is_boundary(committed)) commit_to(committed);
  become_certain_if_caught_up();
  answer_leader();
}

// False when the request contradicts what is committed: somebody breaks the rules, and is not
// followed into it.
bool Quorum::take_batches(const ReplicateRequest& request) {
  std::vector<QuorumBatch> fresh;
  for (const QuorumBatch& batch : request.batches) {
    if (batch.next_offset <= committed_) continue;
    if (batch.base_offset < committed_) return false;
    if (batch.base_offset < log_.end().offset) {
      const QuorumBatch* here = log_.find(batch.base_offset);
      if (here == nullptr) return false;
      if (here->epoch == batch.epoch) continue;
      emit(CutTail{batch.base_offset});
      log_.truncate(batch.base_offset);
      flushed_ = std::min(flushed_, batch.base_offset);
      matched_ = std::min(matched_, batch.base_offset);
    }
    log_.append(batch);
    fresh.push_back(batch);
  }
  if (!fresh.empty()) emit(AppendLog{std::move(fresh)});
  note_voters_seen();
  return true;
}

void Quorum::answer_leader() {
  if (leads() || !leader_ || round_ == 0) return;
  send(*leader_, ReplicateResponse{.epoch = vote_.epoch,
                                   .replica = config_.self,
                                   .incarnation = incarnation_,
                                   .round = round_,
                                   .flushed = std::min(acknowledged(), matched_)});
}

// A leader that has committed a record of its own epoch has committed all that ever was; whoever
// has that on its disk has lost nothing. But it must have said so in this life of the replica:
// before, that may have acknowledged more.
void Quorum::become_certain_if_caught_up() {
  if (!vote_.uncertain || !leader_ || !leader_committed_) return;
  if (committed_ < *leader_committed_) return;
  if (std::min(acknowledged(), matched_) < committed_) return;
  if (log_.epoch_before(committed_) != vote_.epoch) return;
  become_certain();
}

void Quorum::on(Instant now, const TransferRequest& request) {
  if (request.epoch != vote_.epoch || role_ != QuorumRole::follower) return;
  if (leader_ != request.leader || !may_lead()) return;
  begin_election(now, true);
}

void Quorum::on(Instant now, const FollowResponse& response) {
  if (leads() || has_fresh_leader(now) || !response.leader) return;
  if (response.epoch < vote_.epoch || response.leader->key == config_.self) return;
  emit(AskLeader{*response.leader, FollowRequest{config_.self, incarnation_}});
}

// --- snapshots

void Quorum::on(Instant now, const SnapshotChunk& chunk) {
  if (chunk.bytes.empty() || chunk.position > chunk.size ||
      chunk.bytes.size() > chunk.size - chunk.position || chunk.end.epoch > chunk.epoch) {
    return;
  }
  if (!accept_leader(now, chunk.epoch, chunk.leader)) return;
  if (receiving_ && receiving_->installing) return;
  round_ = std::max(round_, chunk.round);
  if (chunk.end.offset <= committed_) return answer_chunk(chunk.end, chunk.size);
  take_chunk(chunk);
}

void Quorum::take_chunk(const SnapshotChunk& chunk) {
  const bool is_new = !receiving_ || receiving_->end != chunk.end || receiving_->size != chunk.size;
  if (is_new) receiving_ = Receiving{.end = chunk.end, .size = chunk.size};
  Receiving& receiving = *receiving_;
  if (chunk.position != receiving.position) return answer_chunk(chunk.end, receiving.position);
  emit(WriteSnapshotChunk{chunk.end, chunk.position, chunk.bytes});
  receiving.position += chunk.bytes.size();
  if (receiving.position < receiving.size) return answer_chunk(chunk.end, receiving.position);
  receiving.installing = true;
  emit(InstallSnapshot{chunk.end});
}

void Quorum::answer_chunk(const LogEnd& end, std::uint64_t position) {
  if (!leader_) return;
  send(*leader_, SnapshotResponse{.epoch = vote_.epoch,
                                  .replica = config_.self,
                                  .incarnation = incarnation_,
                                  .round = round_,
                                  .end = end,
                                  .position = position});
}

void Quorum::on_snapshot_installed(Instant now, const LogEnd& end, const VoterSet& voters) {
  STRANDLINE_ASSERT(receiving_ && receiving_->installing && receiving_->end == end);
  const std::uint64_t size = receiving_->size;
  receiving_.reset();
  log_ = QuorumLog{end, voters};
  flushed_ = end.offset;
  committed_ = end.offset;
  matched_ = end.offset;
  note_voters_seen();
  if (!leader_) return;
  deadline_ = now + random_timeout();  // installing may have taken long
  answer_chunk(end, size);
}

void Quorum::on_snapshot_unusable(Instant, const LogEnd& end) {
  STRANDLINE_ASSERT(receiving_ && receiving_->installing && receiving_->end == end);
  receiving_.reset();
  answer_chunk(end, 0);
}

}  // namespace strandline
