#include "broker/partition/follower_role.h"

#include <algorithm>
#include <utility>

#include "broker/logging/log.h"
#include "broker/partition/partition.h"
#include "broker/partition/shard.h"
#include "protocol/base/errc.h"
#include "protocol/record/batch.h"

namespace strandline {
namespace {

FollowerLog log_of(const PartitionLog& log, bool needs_catch_up) {
  return {.log_start_offset = log.log_start_offset(),
          .log_end_offset = log.log_end_offset(),
          .flushed_end = log.flushed_end(),
          .high_watermark = log.high_watermark(),
          .epochs = log.epochs().starts(),
          .needs_catch_up = needs_catch_up};
}

ReplicationThrottle* line_of(const Shard& shard) {
  return shard.throttles() == nullptr ? nullptr : &shard.throttles()->follower;
}

bool is_member(const PartitionView& view, BrokerId broker) {
  return std::ranges::find(view.isr.members, broker) != view.isr.members.end();
}

// What a claim says of its batch, and what the batch is.
Result<BatchHeader> check(const BatchClaim& claim, ByteView bytes) {
  STRANDLINE_TRY(const BatchHeader header, parse_batch(bytes));
  const bool is_claimed = header.base_offset == claim.base_offset &&
                          header.leader_epoch == claim.leader_epoch &&
                          header.next_offset() == claim.next_offset();
  if (!is_claimed || !batch_crc_matches(bytes.first(header.size_bytes()))) {
    return Errc::corrupt_batch;
  }
  return header;
}

}  // namespace

FollowerRole::FollowerRole(Partition& partition, const PartitionView& view, StreamId last_stream,
                           bool needs_catch_up)
    : partition_(partition),
      leader_(view.leader),
      core_({.self = partition.shard().broker_id(), .incarnation = view.incarnation},
            view.leader_epoch, log_of(partition.log(), needs_catch_up), last_stream),
      line_(partition.shard().loop(), line_of(partition.shard()),
            partition.shard().metrics().throttled_received_bytes,
            [this](const StreamName& name, std::uint64_t bytes) {
              core_.on_allowance(name, bytes);
              drain();
            }),
      is_in_sync_(is_member(view, partition.shard().broker_id())) {
  throttle(partition.config());
}

FollowerRole::~FollowerRole() {
  if (timer_) partition_.shard().loop().cancel(*timer_);
  ReplicaTransport* const replicas = partition_.shard().replicas();
  if (replicas != nullptr) replicas->unfollow(partition_.key());
}

void FollowerRole::begin() {
  drain();
  ReplicaTransport* const replicas = partition_.shard().replicas();
  if (replicas != nullptr) replicas->follow(partition_.key(), leader_);
}

void FollowerRole::drain() {
  if (std::exchange(draining_, true)) return;
  for (;;) {
    const std::vector<FollowerEffect> effects = core_.take_effects();
    if (effects.empty()) break;
    for (const FollowerEffect& effect : effects) {
      std::visit([this](const auto& e) { carry_out(e); }, effect);
    }
  }
  draining_ = false;
  arm_timer();
}

void FollowerRole::arm_timer() {
  const std::optional<Instant> next = core_.next_timeout();
  if (!next || (timer_ && timer_->due <= *next)) return;
  ShardLoop& loop = partition_.shard().loop();
  if (timer_) loop.cancel(*timer_);
  timer_ = loop.after(std::max(*next - steady_now(), Duration{0}), [this] {
    timer_.reset();
    core_.on_timeout(steady_now());
    drain();
  });
}

// --- inputs

void FollowerRole::on_link_up(LinkId link) {
  link_ = link;
  core_.on_connected(steady_now());
  drain();
}

void FollowerRole::on_link_down(LinkId link) {
  if (link != link_) return;
  link_ = kNoLink;
  core_.on_disconnected(steady_now());
  drain();
}

void FollowerRole::on_message(LinkId link, const LeaderMessage& message, ByteView bytes) {
  if (link != link_) return;
  bytes_ = bytes;
  core_.on_message(steady_now(), message);
  drain();
  bytes_ = {};
}

void FollowerRole::on_synced() {
  if (!std::exchange(waits_for_sync_, false)) return;
  core_.on_synced(partition_.log().flushed_end());
  drain();
}

void FollowerRole::set_stalled(bool stalled) {
  core_.set_stalled(stalled);
  drain();
}

void FollowerRole::on_view(bool is_in_sync) {
  if (is_in_sync) core_.on_in_sync();
  is_in_sync_ = is_in_sync;
  set_config(partition_.config());
}

void FollowerRole::set_config(const TopicConfig& config) {
  throttle(config);
  drain();
}

void FollowerRole::throttle(const TopicConfig& config) {
  const bool is_named = config.follower_throttled_replicas.contains(partition_.key().partition,
                                                                    partition_.shard().broker_id());
  core_.set_throttled(is_named && !is_in_sync_);
}

void FollowerRole::on_cut() {
  core_.on_truncated(steady_now(), log_of(partition_.log(), core_.needs_catch_up()));
  drain();
}

// --- what the core asks for

void FollowerRole::carry_out(const SendToLeader& effect) {
  if (link_ == kNoLink) return;
  partition_.shard().replicas()->send(link_, partition_.key(), effect.message);
}

void FollowerRole::carry_out(const TruncateLog& effect) {
  const bool loses_readable = effect.end < effect.high_watermark_before;
  log_line(loses_readable ? LogLevel::error : LogLevel::info, "replica",
           loses_readable ? "records that were readable are not the leader's and are cut; unless "
                            "an unclean election gave them up, something is badly wrong"
                          : "records that are not the leader's are cut",
           {{"topic", partition_.topic()},
            {"partition", partition_.key().partition},
            {"leader", leader_},
            {"leader_epoch", core_.leader_epoch()},
            {"from", effect.end},
            {"log_end", partition_.log().log_end_offset()},
            {"high_watermark", effect.high_watermark_before}});
  partition_.cut_log({.end = effect.end});
}

void FollowerRole::carry_out(const RestartLog& effect) {
  log_line(LogLevel::warn, "replica",
           "nothing of the log is of use to follow the leader; it begins anew",
           {{"topic", partition_.topic()},
            {"partition", partition_.key().partition},
            {"leader", leader_},
            {"log_start", partition_.log().log_start_offset()},
            {"log_end", partition_.log().log_end_offset()},
            {"at", effect.start}});
  partition_.cut_log({.end = effect.start, .restarts = true});
}

void FollowerRole::carry_out(const AppendBatches& effect) {
  PartitionLog& log = partition_.log();
  const Offset before = log.log_end_offset();
  const std::uint64_t unsynced_before = log.unsynced_bytes();
  Result<void> done = stage_all(effect.batches);
  // Also what is good of a message that is not.
  const Result<void> written = log.write_staged();
  if (done && !written) done = written.error();
  const Offset end = log.log_end_offset();
  if (end > before) {
    partition_.note_replicated(end - before, log.unsynced_bytes() - unsynced_before,
                               effect.batches.size());
  }
  if (end == effect.batches.back().next_offset()) return core_.on_appended(end);
  const Errc reason = done ? Errc::corrupt_batch : errc_of(done.error());
  core_.on_append_failed(steady_now(), end, reason);
  // Also where the write that made way for a new segment was it.
  if (!written || log.is_offline())
    partition_.fail_append(written ? done.error() : written.error());
}

Result<void> FollowerRole::stage_all(const std::vector<BatchClaim>& claims) {
  PartitionLog& log = partition_.log();
  ByteView rest = bytes_;
  for (const BatchClaim& claim : claims) {
    STRANDLINE_TRY(const BatchHeader header, check(claim, rest));
    const ByteView batch = rest.first(header.size_bytes());
    rest = rest.subspan(batch.size());
    if (log.follower_must_roll(header, claim.begins_segment)) {
      STRANDLINE_TRYV(log.write_staged());
    }
    const Timestamp append_time =
        claim.append_time == kNoTimestamp ? wall_now() : claim.append_time;
    STRANDLINE_TRYV(log.stage_as_follower(batch, header, append_time, claim.begins_segment));
  }
  return success();
}

void FollowerRole::carry_out(const StartSync&) {
  waits_for_sync_ = true;
  partition_.sync_for_leader();
}

void FollowerRole::carry_out(const AdvanceHighWatermark& effect) {
  partition_.advance_high_watermark(effect.high_watermark);
}

void FollowerRole::carry_out(const AdvanceLogStart& effect) {
  partition_.follow_log_start(effect.log_start_offset);
}

void FollowerRole::carry_out(const AskAllowance& effect) { line_.ask(effect); }

void FollowerRole::carry_out(const StreamBroken& effect) {
  // At the change of a term this is how the two find together.
  const bool is_usual = effect.reason == Errc::unknown_leader_epoch ||
                        effect.reason == Errc::fenced_leader_epoch ||
                        effect.reason == Errc::replica_not_available;
  log_limited(is_usual ? LogLevel::debug : LogLevel::warn, "replica", "stream",
              "a stream from the leader ended; another one is opened",
              {{"topic", partition_.topic()},
               {"partition", partition_.key().partition},
               {"leader", leader_},
               {"log_end", effect.log_end_offset},
               {"reason", errc_name(effect.reason)}});
}

}  // namespace strandline
