#include "replication/partition/partition_leader.h"

#include <algorithm>
#include <utility>

#include "protocol/base/assertion.h"

namespace strandline {

PartitionLeader::PartitionLeader(const LeaderConfig& config, const LeaderTerm& term,
                                 const LeaderLog& log, Instant now)
    : config_(config),
      term_epoch_(term.leader_epoch),
      elected_end_(log.log_end_offset),
      history_(log.epochs),
      log_start_(log.log_start_offset),
      first_batch_(log.first_batch_offset),
      log_end_(log.log_end_offset),
      flushed_end_(log.flushed_end),
      high_watermark_(log.high_watermark),
      tail_start_(log.log_end_offset),
      isr_(term.isr) {
  STRANDLINE_ASSERT(config.min_insync_replicas >= 1);
  STRANDLINE_ASSERT(history_.latest() <= term_epoch_);
  history_.on_epoch(term_epoch_, log_end_);
  for (const ReplicaId replica : term.replicas) {
    if (replica == config_.self) continue;
    FollowerState& follower = followers_[replica];
    follower.name = {.leader_epoch = term_epoch_, .replica = replica};
    follower.asked_at = now;
    // A member has as long to come as one that falls behind has to catch up.
    if (isr_.contains(replica)) follower.lag.set_caught_up(now);
  }
  assert_invariants();
  settle(now);
}

void PartitionLeader::on_append(Instant now, Offset log_end_offset) {
  if (log_end_offset <= log_end_) return;
  for (auto& [replica, follower] : followers_) {
    follower.lag.on_append(now, follower.safe_end(config_.flush_on_ack), log_end_, log_end_offset);
  }
  log_end_ = log_end_offset;
  settle(now);
}

void PartitionLeader::on_synced(Instant now, Offset flushed_end) {
  if (flushed_end <= flushed_end_) return;
  STRANDLINE_ASSERT(flushed_end <= log_end_);
  flushed_end_ = flushed_end;
  settle(now);
}

void PartitionLeader::on_log_start(Instant now, Offset log_start_offset,
                                   Offset first_batch_offset) {
  if (log_start_offset <= log_start_) return;
  STRANDLINE_ASSERT(log_start_offset <= high_watermark_);
  STRANDLINE_ASSERT(first_batch_offset <= log_start_offset);
  log_start_ = log_start_offset;
  first_batch_ = first_batch_offset;
  for (auto& [replica, follower] : followers_) {
    // What it was to get next is gone: the next stream begins at the new start.
    const bool is_behind = follower.is_streaming() && follower.next_offset < first_batch_;
    if (is_behind) end_stream(now, follower, Errc::offset_out_of_range);
  }
  settle(now);
}

void PartitionLeader::on_tail_start(Instant now, Offset tail_start) {
  tail_start_ = tail_start;
  settle(now);
}

void PartitionLeader::on_isr(Instant now, const CommittedIsr& isr) {
  const bool had_enough = has_enough_replicas();
  if (!isr_.commit(isr)) return;
  refused_until_.reset();
  for (auto& [replica, follower] : followers_) {
    const bool counts_anew = isr_.contains(replica) && !follower.lag.caught_up_at().has_value();
    if (counts_anew) follower.lag.set_caught_up(now);
  }
  tell_of_too_few(had_enough);
  settle(now);
}

void PartitionLeader::set_topic_config(Instant now, std::int32_t min_insync_replicas,
                                       bool flush_on_ack, std::int64_t replica_lag_ms_max) {
  STRANDLINE_ASSERT(min_insync_replicas >= 1);
  const bool had_enough = has_enough_replicas();
  config_.min_insync_replicas = min_insync_replicas;
  config_.flush_on_ack = flush_on_ack;
  config_.replica_lag_ms_max = replica_lag_ms_max;
  tell_of_too_few(had_enough);
  settle(now);
}

void PartitionLeader::on_timeout(Instant now) {
  for (auto& [replica, follower] : followers_) ask_again(now, follower);
  settle(now);
}

std::optional<Instant> PartitionLeader::next_timeout() const {
  std::optional<Instant> next = next_isr_timeout();
  for (const auto& [replica, follower] : followers_) {
    const std::optional<Instant> mine = next_stream_timeout(follower);
    if (mine.has_value()) next = std::min(next.value_or(*mine), *mine);
  }
  return next;
}

std::vector<LeaderEffect> PartitionLeader::take_effects() { return std::exchange(effects_, {}); }

std::int32_t PartitionLeader::min_insync_replicas() const {
  return std::max(config_.min_insync_replicas, isr_.min_insync_replicas());
}

bool PartitionLeader::has_enough_replicas() const {
  return std::cmp_greater_equal(isr_.size(), min_insync_replicas());
}

Errc PartitionLeader::may_append() const {
  return has_enough_replicas() ? Errc::ok : Errc::not_enough_replicas;
}

std::optional<Errc> PartitionLeader::answer_for(Offset end) const {
  if (end <= high_watermark_) return Errc::ok;
  if (!has_enough_replicas()) return Errc::not_enough_replicas_after_append;
  return std::nullopt;
}

void PartitionLeader::tell_of_too_few(bool had_enough) {
  if (!had_enough || has_enough_replicas()) return;
  effects_.emplace_back(RefuseWaiting{Errc::not_enough_replicas_after_append});
}

// What every input may have changed, in the order that lets news ride with batches.
void PartitionLeader::settle(Instant now) {
  advance_high_watermark();
  consider_isr(now);
  serve_streams(now);
  assert_invariants();
}

void PartitionLeader::advance_high_watermark() {
  if (!has_enough_replicas()) return;
  Offset end = config_.flush_on_ack ? flushed_end_ : log_end_;
  for (const ReplicaId replica : isr_.maximal()) {
    if (replica == config_.self) continue;
    // A member that is not assigned has no stream and so says nothing: all wait for the controller.
    const auto follower = followers_.find(replica);
    if (follower == followers_.end()) return;
    end = std::min(end, follower->second.safe_end(config_.flush_on_ack));
  }
  if (end <= high_watermark_) return;
  const bool were_held = !may_serve_readers();
  high_watermark_ = end;
  effects_.emplace_back(AdvanceHighWatermark{end});
  if (were_held && may_serve_readers()) effects_.emplace_back(ServeReaders{});
}

std::vector<ReplicaView> PartitionLeader::replicas() const {
  std::vector<ReplicaView> views;
  views.reserve(followers_.size());
  for (const auto& [replica, follower] : followers_) {
    views.push_back({.replica = replica,
                     .in_sync = isr_.contains(replica),
                     .log_end_offset = follower.appended,
                     .high_watermark = follower.high_watermark,
                     .caught_up_at = follower.lag.caught_up_at()});
  }
  return views;
}

void PartitionLeader::assert_invariants() const {
  STRANDLINE_ASSERT(first_batch_ <= log_start_);
  STRANDLINE_ASSERT(log_start_ <= log_end_);
  STRANDLINE_ASSERT(flushed_end_ <= log_end_);
  STRANDLINE_ASSERT(high_watermark_ <= log_end_);
  STRANDLINE_ASSERT(elected_end_ <= log_end_);
  STRANDLINE_ASSERT(history_.latest() == term_epoch_);
  int file_reads = 0;
  for (const auto& [replica, follower] : followers_) {
    STRANDLINE_ASSERT(follower.appended <= log_end_);
    STRANDLINE_ASSERT(follower.flushed <= follower.appended);
    if (follower.is_streaming()) STRANDLINE_ASSERT(follower.next_offset <= log_end_);
    if (follower.reading_files) ++file_reads;
  }
  STRANDLINE_ASSERT(file_reads == file_reads_);
  STRANDLINE_ASSERT(file_reads_ <= std::max(config_.catch_up_reads_max, 1));
}

}  // namespace strandline
