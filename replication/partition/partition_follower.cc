#include "replication/partition/partition_follower.h"

#include <algorithm>
#include <utility>

#include "protocol/base/assertion.h"

namespace strandline {

PartitionFollower::PartitionFollower(const FollowerConfig& config, LeaderEpoch leader_epoch,
                                     const FollowerLog& log, StreamId last_stream)
    : config_(config),
      name_{.leader_epoch = leader_epoch,
            .replica = config.self,
            .incarnation = config.incarnation,
            .stream = last_stream},
      needs_catch_up_(log.needs_catch_up) {
  take_log(log);
  STRANDLINE_ASSERT(history_.latest() <= leader_epoch);
  sync_if_behind();
  assert_invariants();
}

void PartitionFollower::take_log(const FollowerLog& log) {
  history_ = EpochHistory{log.epochs};
  log_start_ = log.log_start_offset;
  log_end_ = log.log_end_offset;
  flushed_end_ = log.flushed_end;
  high_watermark_ = log.high_watermark;
}

void PartitionFollower::on_connected(Instant now) {
  connected_ = true;
  if (state_ == State::waiting) open(now);
}

void PartitionFollower::on_disconnected(Instant now) {
  connected_ = false;
  reopen(now);
}

// Another stream, at its first piece.
void PartitionFollower::open(Instant now) {
  state_ = State::opening;
  ++name_.stream;
  round_ = 0;
  at_most_.reset();
  leader_high_watermark_ = leader_log_start_ = kNoOffset;
  bytes_taken_ = 0;
  credit_limit_ = 0;
  awaits_allowance_ = false;
  (void)grant();
  opened_at_ = now;
  ask(now);
}

void PartitionFollower::ask(Instant now) {
  asked_at_ = now;
  effects_.emplace_back(SendToLeader{OpenStream{.name = name_,
                                                .round = round_,
                                                .history = history_.piece(at_most_, log_end_),
                                                .log_start_offset = log_start_,
                                                .log_end_offset = log_end_,
                                                .credit_limit = credit_limit_,
                                                .needs_catch_up = needs_catch_up_}});
}

// The stream is over: another one as soon as that may be. A cut that has begun is waited for.
void PartitionFollower::reopen(Instant now) {
  if (state_ == State::cutting) {
    stream_is_over_ = true;
    return;
  }
  state_ = State::waiting;
  on_timeout(now);
}

void PartitionFollower::break_stream(Instant now, Errc reason) {
  effects_.emplace_back(StreamBroken{name_, reason, log_end_});
  reopen(now);
}

std::optional<Instant> PartitionFollower::next_timeout() const {
  if (!connected_) return std::nullopt;
  const Duration retry = std::chrono::milliseconds{config_.retry_ms};
  if (state_ == State::opening) return asked_at_ + retry;
  if (state_ == State::waiting && opened_at_.has_value()) return *opened_at_ + retry;
  return std::nullopt;
}

void PartitionFollower::on_timeout(Instant now) {
  const std::optional<Instant> due = next_timeout();
  if (!due.has_value() || now < *due) return;
  if (state_ == State::opening) return ask(now);
  open(now);
}

std::vector<FollowerEffect> PartitionFollower::take_effects() {
  return std::exchange(effects_, {});
}

void PartitionFollower::on_message(Instant now, const LeaderMessage& message) {
  if (name_of(message) != name_ || state_ == State::waiting) return;
  std::visit([&](const auto& m) { on_message(now, m); }, message);
  assert_invariants();
}

void PartitionFollower::on_message(Instant now, const OlderEpochsWanted& wanted) {
  if (state_ != State::opening || wanted.round != round_) return;
  // Each round asks about older epochs than the last, so there are not more rounds than epochs.
  const EpochPiece asked = history_.piece(at_most_, log_end_);
  const bool is_older = !asked.starts.empty() && wanted.at_most < asked.starts.front().leader_epoch;
  if (!is_older) return break_stream(now, Errc::invalid_request);
  ++round_;
  at_most_ = wanted.at_most;
  ask(now);
}

void PartitionFollower::on_message(Instant now, const StreamOpened& opened) {
  if (state_ == State::streaming) {
    // The leader does not know yet that the log is cut: the word of it was lost. If it has another
    // opinion of where to begin by now, it ends the stream.
    return acknowledge();
  }
  if (state_ != State::opening) return;
  const bool is_inside =
      opened.restart || (opened.offset >= log_start_ && opened.offset <= log_end_);
  if (!is_inside || opened.offset < Offset{0}) return break_stream(now, Errc::invalid_request);
  // A term of this replica in which it appended nothing began at the end of the log: what comes may
  // be of an older epoch, so the term is cut as well.
  const bool has_empty_term =
      !history_.starts().empty() && history_.starts().back().start_offset >= log_end_;
  const bool is_all_common = opened.offset == log_end_ && !has_empty_term;
  if (!opened.restart && is_all_common) return begin_streaming();
  state_ = State::cutting;
  stream_is_over_ = false;
  cut_to_ = opened.offset;
  if (opened.restart) {
    effects_.emplace_back(RestartLog{opened.offset});
  } else {
    effects_.emplace_back(TruncateLog{opened.offset, high_watermark_});
  }
}

void PartitionFollower::on_truncated(Instant now, const FollowerLog& log) {
  STRANDLINE_ASSERT(state_ == State::cutting);
  take_log(log);
  sync_if_behind();
  // A log that could not be cut just there tells the leader what it has, in another stream.
  if (stream_is_over_ || log_end_ != cut_to_) {
    state_ = State::waiting;
    on_timeout(now);
  } else {
    begin_streaming();
  }
  assert_invariants();
}

void PartitionFollower::begin_streaming() {
  state_ = State::streaming;
  (void)grant();
  acknowledge();
}

// More credit, if it may be; returns whether there is. A throttled stream is allowed the next piece
// when it has had the last, so that at most one is on its way.
bool PartitionFollower::grant() {
  if (!throttled_) {
    const std::uint64_t limit = std::max(credit_limit_, bytes_taken_ + config_.credit_bytes);
    return std::exchange(credit_limit_, limit) != limit;
  }
  const bool asks = state_ == State::streaming && bytes_taken_ >= credit_limit_;
  if (!asks || std::exchange(awaits_allowance_, true)) return false;
  effects_.emplace_back(
      AskAllowance{name_, static_cast<std::int64_t>(bytes_taken_ - credit_limit_)});
  return false;
}

// Offsets without a hole, epochs that do not fall, nothing from beyond this leader's term.
Errc PartitionFollower::check(const StreamBatches& batches) const {
  Offset next = log_end_;
  LeaderEpoch epoch = history_.latest();
  for (const BatchClaim& claim : batches.batches) {
    if (claim.record_count <= 0) return Errc::invalid_record;
    if (claim.base_offset != next) return Errc::offset_out_of_range;
    if (claim.leader_epoch < epoch) return Errc::fenced_leader_epoch;
    if (claim.leader_epoch > name_.leader_epoch) return Errc::unknown_leader_epoch;
    next = claim.next_offset();
    epoch = claim.leader_epoch;
  }
  return batches.batches.empty() ? Errc::invalid_request : Errc::ok;
}

void PartitionFollower::on_message(Instant now, const StreamBatches& batches) {
  if (state_ != State::streaming) return;
  // They were here before.
  const bool is_late = !batches.batches.empty() && batches.batches.front().base_offset < log_end_;
  if (is_late) return;
  if (const Errc reason = check(batches); reason != Errc::ok) return break_stream(now, reason);
  hear(batches.high_watermark, batches.log_start_offset);
  appending_ = batches.batches;
  appending_bytes_ = batches.bytes;
  effects_.emplace_back(AppendBatches{batches.batches});
}

void PartitionFollower::on_appended(Offset log_end_offset) {
  STRANDLINE_ASSERT(!appending_.empty());
  STRANDLINE_ASSERT(log_end_offset == appending_.back().next_offset());
  for (const BatchClaim& claim : appending_) {
    history_.on_epoch(claim.leader_epoch, claim.base_offset);
  }
  appending_.clear();
  log_end_ = log_end_offset;
  bytes_taken_ += appending_bytes_;
  (void)grant();
  follow_position();
  sync_if_behind();
  acknowledge();
  assert_invariants();
}

void PartitionFollower::on_append_failed(Instant now, Offset log_end_offset, Errc reason) {
  STRANDLINE_ASSERT(!appending_.empty());
  for (const BatchClaim& claim : appending_) {
    if (claim.next_offset() <= log_end_offset) {
      history_.on_epoch(claim.leader_epoch, claim.base_offset);
    }
  }
  appending_.clear();
  log_end_ = log_end_offset;
  sync_if_behind();
  break_stream(now, reason);
  assert_invariants();
}

void PartitionFollower::on_message(Instant now, const StreamPosition& position) {
  if (state_ != State::streaming) return;
  // Batches that were sent before did not come.
  if (position.sent_end > log_end_) return break_stream(now, Errc::offset_out_of_range);
  hear(position.high_watermark, position.log_start_offset);
  follow_position();
  if (position.confirm) acknowledge();
}

void PartitionFollower::on_message(Instant now, const StreamEnd& end) {
  break_stream(now, end.reason);
}

void PartitionFollower::hear(Offset high_watermark, Offset log_start_offset) {
  leader_high_watermark_ = std::max(leader_high_watermark_, high_watermark);
  leader_log_start_ = std::max(leader_log_start_, log_start_offset);
}

// Only what lies below the end of this log can be readable here. Only what is readable is deleted,
// and on the disk, or a power loss would leave a log that ends before it starts.
void PartitionFollower::follow_position() {
  const Offset high_watermark = std::min(leader_high_watermark_, log_end_);
  if (high_watermark > high_watermark_) {
    high_watermark_ = high_watermark;
    effects_.emplace_back(AdvanceHighWatermark{high_watermark});
  }
  const Offset log_start = std::min({leader_log_start_, high_watermark_, flushed_end_});
  if (log_start > log_start_) {
    log_start_ = log_start;
    effects_.emplace_back(AdvanceLogStart{log_start});
  }
}

void PartitionFollower::acknowledge() {
  effects_.emplace_back(SendToLeader{StreamAck{.name = name_,
                                               .appended = log_end_,
                                               .flushed = flushed_end_,
                                               .high_watermark = high_watermark_,
                                               .log_start_offset = log_start_,
                                               .credit_limit = credit_limit_,
                                               .stalled = stalled_}});
}

void PartitionFollower::sync_if_behind() {
  if (syncing_ || flushed_end_ >= log_end_) return;
  syncing_ = true;
  effects_.emplace_back(StartSync{});
}

void PartitionFollower::on_synced(Offset flushed_end) {
  STRANDLINE_ASSERT(syncing_);
  STRANDLINE_ASSERT(flushed_end <= log_end_);
  syncing_ = false;
  const bool is_news = flushed_end > flushed_end_;
  flushed_end_ = std::max(flushed_end_, flushed_end);
  if (state_ != State::cutting) sync_if_behind();
  if (is_news && state_ == State::streaming) {
    follow_position();
    acknowledge();
  }
  assert_invariants();
}

// Before a stream has begun, its first word says it.
void PartitionFollower::set_credit(std::uint64_t credit_bytes) {
  config_.credit_bytes = credit_bytes;
  if (grant() && state_ == State::streaming) acknowledge();
}

void PartitionFollower::set_throttled(bool throttled) {
  if (throttled_ == throttled) return;
  throttled_ = throttled;
  awaits_allowance_ = false;
  if (grant() && state_ == State::streaming) acknowledge();
}

void PartitionFollower::on_allowance(const StreamName& name, std::uint64_t bytes) {
  STRANDLINE_ASSERT(bytes > 0);
  const bool is_asked_for =
      name == name_ && state_ == State::streaming && std::exchange(awaits_allowance_, false);
  if (!is_asked_for) return;
  credit_limit_ = bytes_taken_ + bytes;
  acknowledge();
}

void PartitionFollower::set_stalled(bool stalled) {
  if (stalled_ == stalled) return;
  stalled_ = stalled;
  if (state_ == State::streaming) acknowledge();
}

void PartitionFollower::assert_invariants() const {
  STRANDLINE_ASSERT(log_start_ <= high_watermark_);
  STRANDLINE_ASSERT(high_watermark_ <= log_end_);
  STRANDLINE_ASSERT(flushed_end_ <= log_end_);
  STRANDLINE_ASSERT(history_.latest() <= name_.leader_epoch);
  STRANDLINE_ASSERT(state_ != State::streaming || connected_);
}

}  // namespace strandline
