// The streams of a leader's followers: opening, feeding, ending.
#include <algorithm>
#include <utility>

#include "protocol/base/assertion.h"
#include "replication/partition/partition_leader.h"

namespace strandline {
namespace {

// Later starts of the follower's broker, and later streams of one start, replace earlier ones.
bool is_newer(const StreamName& name, const StreamName& than) {
  return std::pair{name.incarnation, name.stream} > std::pair{than.incarnation, than.stream};
}

bool is_well_formed(const OpenStream& open) {
  return is_well_formed(open.history) && open.log_start_offset >= Offset{0} &&
         open.log_start_offset <= open.log_end_offset && open.history.end <= open.log_end_offset &&
         open.name.stream > kNoStream;
}

}  // namespace

void PartitionLeader::send(LeaderMessage message) {
  effects_.emplace_back(SendToFollower{std::move(message)});
}

void PartitionLeader::on_message(Instant now, const FollowerMessage& message) {
  const StreamName& name = name_of(message);
  if (name.leader_epoch != term_epoch_) {
    // It follows another term than this one: either it or this leader has yet to hear of the newer.
    const bool is_old = name.leader_epoch < term_epoch_;
    return send(StreamEnd{name, is_old ? Errc::fenced_leader_epoch : Errc::unknown_leader_epoch});
  }
  if (const auto* open = std::get_if<OpenStream>(&message)) on_open(now, *open);
  if (const auto* ack = std::get_if<StreamAck>(&message)) on_ack(now, *ack);
  settle(now);
}

void PartitionLeader::on_open(Instant now, const OpenStream& open) {
  const auto found = followers_.find(open.name.replica);
  if (found == followers_.end()) {
    return send(StreamEnd{open.name, Errc::replica_not_available});
  }
  FollowerState& follower = found->second;
  const bool is_same = open.name == follower.name;
  const bool begins = is_newer(open.name, follower.name) ||
                      (is_same && follower.stream == FollowerState::Stream::none);
  const bool goes_on = is_same && follower.stream == FollowerState::Stream::opening;
  // One that comes late, or twice after its stream began.
  if (!begins && !goes_on) return;
  if (!is_well_formed(open)) return send(StreamEnd{open.name, Errc::invalid_request});
  // Records of a later leader are not this one's to cut.
  const EpochStarts& epochs = open.history.starts;
  const bool is_ahead = !epochs.empty() && epochs.back().leader_epoch > term_epoch_;
  if (is_ahead) return send(StreamEnd{open.name, Errc::unknown_leader_epoch});
  if (begins) {
    // If it had everything until now, it lags from now on.
    if (is_complete(follower)) follower.lag.set_caught_up(now);
    if (open.name.incarnation != follower.name.incarnation) follower.refused_until.reset();
    follower.forget_progress();
    follower.name = open.name;
    follower.stream = FollowerState::Stream::opening;
    follower.answered = false;
    // Damaged: whatever it had, the controller must not take it for one that holds all.
    if (open.needs_catch_up) follower.lag = LagClock{};
    follower.end_reason = Errc::ok;
    follower.bytes_sent = 0;
    follower.credit_limit = 0;
    follower.forget_allowance();
  }
  follower.credit_limit = std::max(follower.credit_limit, open.credit_limit);
  follower.asked_at = now;
  answer_open(open, follower);
}

void PartitionLeader::answer_open(const OpenStream& open, FollowerState& follower) {
  const EpochMatch match = history_.match(open.history, log_end_);
  if (match.kind == EpochMatch::Kind::older) {
    return send(OlderEpochsWanted{open.name, open.round, match.at_most});
  }
  // Without a common epoch both logs still agree on what the follower has deleted: that was
  // readable, and so it is the same in all logs.
  const bool is_common = match.kind == EpochMatch::Kind::common;
  const Offset end = is_common ? match.end : open.log_start_offset;
  const bool is_inside = end >= first_batch_ && end >= open.log_start_offset && end <= log_end_;
  const bool has_restarted =
      open.log_start_offset == first_batch_ && open.log_end_offset == first_batch_;
  const bool restarts = !is_inside || (follower.must_restart && !has_restarted);
  follower.opened = {
      .name = open.name, .offset = restarts ? first_batch_ : end, .restart = restarts};
  follower.answered = true;
  send(follower.opened);
}

FollowerState* PartitionLeader::stream_of(const StreamName& name) {
  const auto found = followers_.find(name.replica);
  if (found == followers_.end() || found->second.name != name) return nullptr;
  return found->second.stream == FollowerState::Stream::none ? nullptr : &found->second;
}

void PartitionLeader::on_ack(Instant now, const StreamAck& ack) {
  FollowerState* follower = stream_of(ack.name);
  if (follower == nullptr) {
    const auto known = followers_.find(ack.name.replica);
    const bool is_late = known != followers_.end() && is_newer(known->second.name, ack.name);
    if (!is_late) send(StreamEnd{ack.name, Errc::replica_not_available});
    return;
  }
  // Never more than was sent, never more on the disk than in the log, never less than agreed on.
  const bool fits = follower->is_streaming()
                        ? ack.appended <= follower->next_offset
                        : follower->answered && ack.appended == follower->opened.offset;
  const bool is_sound = fits && ack.flushed >= Offset{0} && ack.flushed <= ack.appended;
  if (!is_sound) return end_stream(now, *follower, Errc::invalid_request);
  // What it was to get first has been deleted meanwhile.
  const bool is_gone = !follower->is_streaming() && ack.appended < first_batch_;
  if (is_gone) return end_stream(now, *follower, Errc::offset_out_of_range);
  if (!follower->is_streaming()) begin_stream(ack, *follower);
  follower->asked_at = now;
  follower->appended = std::max(follower->appended, ack.appended);
  follower->flushed = std::max(follower->flushed, ack.flushed);
  follower->high_watermark = std::max(follower->high_watermark, ack.high_watermark);
  follower->log_start_offset = std::max(follower->log_start_offset, ack.log_start_offset);
  follower->credit_limit = std::max(follower->credit_limit, ack.credit_limit);
  follower->stalled = ack.stalled;
  const Offset safe_end = follower->safe_end(config_.flush_on_ack);
  follower->lag.on_progress(now, safe_end, log_end_);
}

void PartitionLeader::begin_stream(const StreamAck& ack, FollowerState& follower) {
  follower.stream = FollowerState::Stream::streaming;
  follower.must_restart = false;  // it has, if it had to
  follower.next_offset = ack.appended;
  follower.high_watermark_sent = kNoOffset;
  follower.log_start_sent = kNoOffset;
}

void PartitionLeader::end_stream(Instant now, FollowerState& follower, Errc reason) {
  if (follower.stream == FollowerState::Stream::none) return;
  if (is_complete(follower)) follower.lag.set_caught_up(now);
  follower.stream = FollowerState::Stream::none;
  follower.end_reason = reason;
  follower.asked_at = now;
  if (reason != Errc::ok) send(StreamEnd{follower.name, reason});
}

void PartitionLeader::on_disconnected(Instant now, const StreamName& name) {
  FollowerState* follower = stream_of(name);
  if (follower == nullptr) return;
  end_stream(now, *follower, Errc::ok);
  settle(now);
}

// Those that follow from memory first: what they are sent, producers wait for.
void PartitionLeader::serve_streams(Instant now) {
  for (auto& [replica, follower] : followers_) {
    const bool is_at_tail = follower.next_offset >= tail_start_;
    if (is_at_tail && may_read_for(follower)) read_for(follower, false);
  }
  while (file_reads_ < config_.catch_up_reads_max) {
    FollowerState* follower = next_to_catch_up();
    if (follower == nullptr) break;
    read_for(*follower, true);
  }
  for (auto& [replica, follower] : followers_) {
    if (!follower.is_streaming() || follower.reading) continue;
    const bool has_news =
        follower.high_watermark_sent < high_watermark_ || follower.log_start_sent < log_start_;
    if (has_news) send_position(now, follower, false);
  }
}

bool PartitionLeader::is_throttled(const FollowerState& follower) const {
  return throttled_ && !isr_.maximal().contains(follower.name.replica);
}

// One that waits for its allowance is not being read for: others take its turn.
bool PartitionLeader::may_read_for(FollowerState& follower) {
  if (!follower.wants_batches(log_end_)) return false;
  if (!is_throttled(follower) || follower.allowance > 0) return true;
  if (!std::exchange(follower.awaits_allowance, true)) {
    effects_.emplace_back(
        AskAllowance{follower.name, std::exchange(follower.bytes_beyond, std::int64_t{0})});
  }
  return false;
}

void PartitionLeader::set_throttled(Instant now, bool throttled) {
  if (throttled_ == throttled) return;
  throttled_ = throttled;
  for (auto& [replica, follower] : followers_) follower.forget_allowance();
  settle(now);
}

void PartitionLeader::on_allowance(Instant now, const StreamName& name, std::uint64_t bytes) {
  STRANDLINE_ASSERT(bytes > 0);
  FollowerState* follower = stream_of(name);
  if (follower == nullptr || !std::exchange(follower->awaits_allowance, false)) return;
  follower->allowance = bytes;
  settle(now);
}

void PartitionLeader::read_for(FollowerState& follower, bool from_files) {
  std::uint64_t bytes_max = from_files ? config_.catch_up_bytes_max : config_.tail_bytes_max;
  if (is_throttled(follower)) {
    follower.allowance_of_read = std::exchange(follower.allowance, std::uint64_t{0});
    bytes_max = std::min(bytes_max, follower.allowance_of_read);
  }
  follower.reading = true;
  follower.reading_files = from_files;
  if (from_files) {
    ++file_reads_;
    follower.turn = ++turns_;
  }
  effects_.emplace_back(
      ReadBatches{.name = follower.name,
                  .from = follower.next_offset,
                  .end = log_end_,
                  .bytes_max = std::min(bytes_max, follower.credit_limit - follower.bytes_sent),
                  .from_files = from_files});
}

FollowerState* PartitionLeader::next_to_catch_up() {
  FollowerState* next = nullptr;
  for (auto& [replica, follower] : followers_) {
    if (!may_read_for(follower)) continue;
    if (next == nullptr || follower.turn < next->turn) next = &follower;
  }
  return next;
}

std::optional<StreamBatches> PartitionLeader::on_read(Instant now, const StreamName& name,
                                                      Offset next_offset, std::uint64_t bytes) {
  FollowerState& follower = followers_.at(name.replica);
  STRANDLINE_ASSERT(follower.reading);
  if (follower.reading_files) --file_reads_;
  follower.reading = follower.reading_files = false;
  follower.account_for_read(bytes);
  std::optional<StreamBatches> header;
  if (follower.is_streaming() && follower.name == name) {
    STRANDLINE_ASSERT(next_offset > follower.next_offset);
    STRANDLINE_ASSERT(next_offset <= log_end_);
    follower.next_offset = next_offset;
    follower.bytes_sent += bytes;
    follower.high_watermark_sent = high_watermark_;
    follower.log_start_sent = log_start_;
    header = StreamBatches{.name = name,
                           .bytes = bytes,
                           .high_watermark = high_watermark_,
                           .log_start_offset = log_start_};
  }
  settle(now);
  return header;
}

void PartitionLeader::on_read_failed(Instant now, const StreamName& name, Errc reason) {
  FollowerState& follower = followers_.at(name.replica);
  STRANDLINE_ASSERT(follower.reading);
  if (follower.reading_files) --file_reads_;
  follower.reading = follower.reading_files = false;
  follower.account_for_read(0);
  if (follower.name == name) {
    // No batch begins there: an administrator made a log the leader's that is not the follower's.
    follower.must_restart = reason == Errc::offset_out_of_range;
    end_stream(now, follower, reason);
  }
  settle(now);
}

void PartitionLeader::send_position(Instant now, FollowerState& follower, bool confirm) {
  follower.high_watermark_sent = high_watermark_;
  follower.log_start_sent = log_start_;
  if (confirm) follower.asked_at = now;
  send(StreamPosition{.name = follower.name,
                      .sent_end = follower.next_offset,
                      .high_watermark = high_watermark_,
                      .log_start_offset = log_start_,
                      .confirm = confirm});
}

// Nothing is said to a follower that has everything and has said so, or that cannot hear.
std::optional<Instant> PartitionLeader::next_stream_timeout(const FollowerState& follower) const {
  const bool is_silent =
      follower.is_streaming()
          ? follower.has_confirmed(log_end_, high_watermark_, log_start_)
          : follower.stream == FollowerState::Stream::none && follower.end_reason == Errc::ok;
  if (is_silent) return std::nullopt;
  return follower.asked_at + retry();
}

void PartitionLeader::ask_again(Instant now, FollowerState& follower) {
  const std::optional<Instant> due = next_stream_timeout(follower);
  if (!due.has_value() || now < *due) return;
  follower.asked_at = now;
  switch (follower.stream) {
    case FollowerState::Stream::streaming: return send_position(now, follower, true);
    case FollowerState::Stream::opening:
      // While it has no answer it asks again by itself; then its first word is waited for.
      if (follower.answered) send(follower.opened);
      return;
    case FollowerState::Stream::none: return send(StreamEnd{follower.name, follower.end_reason});
  }
}

}  // namespace strandline
