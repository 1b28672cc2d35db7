#include "tests/sim/search/state_writer.h"

#include <algorithm>
#include <limits>

#include "protocol/base/assertion.h"
#include "protocol/base/bytes.h"
#include "protocol/base/hash.h"

namespace strandline {

using partition_search::Bounds;
using partition_search::World;

// One of them has got another member: write it below, then correct the size here.
static_assert(sizeof(PartitionLeader) == 456);
static_assert(sizeof(PartitionFollower) == 264);
static_assert(sizeof(FollowerState) == 272);

namespace {

// Of the cores: their own are as long.
constexpr Duration kRetry = std::chrono::milliseconds{LeaderConfig{}.retry_ms};
constexpr Duration kLagMax = std::chrono::milliseconds{LeaderConfig{}.replica_lag_ms_max};
static_assert(LeaderConfig{}.retry_ms == FollowerConfig{}.retry_ms);

// More than all the records here have.
constexpr std::uint64_t kCreditMin = 1 << 20;

}  // namespace

StateWriter::StateWriter(const World& world)
    : world_(world), now_(world.now_), reduces_(world.left_.reduces) {
  bytes_.reserve(1024);
  put(world);
  number_places();
}

// 128 bits: of a thousand million states some two are taken for one with a chance of 10^-21.
partition_search::Fingerprint StateWriter::fingerprint() const {
  const std::string salted = bytes_ + "second half";
  return {xxh3(as_bytes(bytes_)), xxh3(as_bytes(salted))};
}

void StateWriter::put_place(Order order, std::int64_t group, std::int64_t value) {
  if (!reduces_) return put(value);
  places_.push_back({order, group, value, bytes_.size()});
  bytes_.push_back(0);
}

void StateWriter::number_places() {
  std::ranges::sort(places_);
  char place = 0;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const Place& here = places_[i];
    const bool is_first =
        i == 0 || places_[i - 1].order != here.order || places_[i - 1].group != here.group;
    if (is_first) {
      place = 0;
    } else if (places_[i - 1].value != here.value) {
      ++place;
    }
    // "none" is no number.
    const bool is_none = (here.order == Order::incarnation && here.value < 0) ||
                         (here.order == Order::stream && here.value == 0);
    bytes_[here.at] = is_none ? '\x7f' : place;
    if (is_none) place = -1;
  }
}

// --- messages

void StateWriter::put(const StreamName& name) {
  put(name.leader_epoch);
  put(name.replica);
  put(name.replica, name.incarnation);
  put_place(Order::stream, name.incarnation.value() * 100 + name.replica.value(),
            name.stream.value());
}

void StateWriter::put(const EpochStart& start) {
  put(start.leader_epoch);
  put(start.start_offset);
}

void StateWriter::put(const BatchClaim& claim) {
  put(claim.base_offset);
  put(claim.leader_epoch);
  put(claim.record_count);
}

void StateWriter::put(const OpenStream& open) {
  put(open.name);
  put(open.round);
  put(open.history.starts);
  put(open.history.end);
  put(open.history.has_older);
  put(open.log_start_offset);
  put(open.log_end_offset);
  STRANDLINE_ASSERT(open.credit_limit >= kCreditMin);
  put_if(false, open.credit_limit);
  put(open.needs_catch_up);
}

void StateWriter::put(const StreamAck& ack) {
  put(ack.name);
  put(ack.appended);
  put(ack.flushed);
  put(ack.high_watermark);
  put(ack.log_start_offset);
  STRANDLINE_ASSERT(ack.credit_limit >= kCreditMin);
  put_if(false, ack.credit_limit);
  put(ack.stalled);
}

void StateWriter::put(const OlderEpochsWanted& wanted) {
  put(wanted.name);
  put(wanted.round);
  put(wanted.at_most);
}

void StateWriter::put(const StreamOpened& opened) {
  put(opened.name);
  put(opened.offset);
  put(opened.restart);
}

void StateWriter::put(const StreamBatches& batches) {
  put(batches.name);
  put(batches.batches);
  put(batches.bytes);
  put(batches.high_watermark);
  put(batches.log_start_offset);
}

void StateWriter::put(const StreamPosition& position) {
  put(position.name);
  put(position.sent_end);
  put(position.high_watermark);
  put(position.log_start_offset);
  put(position.confirm);
}

void StateWriter::put(const StreamEnd& end) {
  put(end.name);
  put(end.reason);
}

// --- cores

void StateWriter::put(const IsrMember& member) {
  put(member.replica);
  put(member.replica, member.incarnation);
}

void StateWriter::put(const CommittedIsr& isr) {
  put(isr.partition_epoch);
  put(isr.members);
  put(isr.min_insync_replicas);
}

void StateWriter::put(const IsrProposal& proposal) {
  put(proposal.leader_epoch);
  put(proposal.expected);
  put(proposal.members);
}

void StateWriter::put(const IsrSet& isr) {
  put(isr.partition_epoch());
  put(isr.min_insync_replicas());
  put(isr.committed());
  put(isr.maximal());
  put(isr.pending());
}

// One that holds everything is caught up as of now, whatever was before.
void StateWriter::put(const LagClock& lag, bool is_complete) {
  put(lag.caught_up_at_.has_value());
  if (is_complete && reduces_) return STRANDLINE_ASSERT(!lag.mark_);
  if (lag.caught_up_at_) put_since(*lag.caught_up_at_, kLagMax);
  put(lag.mark_.has_value());
  if (!lag.mark_) return;
  put_since(lag.mark_->time, kLagMax);
  put(lag.mark_->log_end);
}

void StateWriter::put(const FollowerState& follower, Offset log_end) {
  using Stream = FollowerState::Stream;
  const bool opens = follower.stream == Stream::opening;
  const bool streams = follower.stream == Stream::streaming;
  const bool is_silent = follower.stream == Stream::none && follower.end_reason == Errc::ok;
  // Reads are answered at once, so nobody waits for a turn; the credit is never used up.
  STRANDLINE_ASSERT(!follower.reading && !follower.reading_files);
  STRANDLINE_ASSERT(!streams || follower.credit_limit >= follower.bytes_sent + kCreditMin);
  put(follower.stream);
  put(follower.name);
  put_if(opens, follower.answered);
  put_if(opens && follower.answered, follower.opened);
  put(follower.must_restart);
  put(follower.stalled);
  put(follower.end_reason);
  // Only what is flushed counts (flush_on_ack); the rest says whether it has heard all there is.
  put_if(false, follower.appended);
  put(follower.flushed);
  put_if(streams, follower.high_watermark);
  put_if(streams, follower.log_start_offset);
  put(follower.lag, follower.flushed >= log_end);
  put_if(streams, follower.next_offset);
  put_if(false, follower.bytes_sent);
  put_if(false, follower.credit_limit);
  put_if(false, follower.turn);
  put_if(streams, follower.high_watermark_sent);
  put_if(streams, follower.log_start_sent);
  if (!is_silent || !reduces_) put_since(follower.asked_at, kRetry);
  put(follower.barred);
  put(follower.refused_until);
  put(follower.allowance);
  put(follower.awaits_allowance);
  put(follower.allowance_of_read);
  put(follower.bytes_beyond);
}

void StateWriter::put(const PartitionLeader& leader) {
  put(leader.config_.self);
  put(leader.config_.self, leader.config_.incarnation);
  put(leader.config_.min_insync_replicas);
  put(leader.term_epoch_);
  put(leader.elected_end_);
  put(leader.history_.starts());
  put(leader.log_start_);
  put(leader.first_batch_);
  put(leader.log_end_);
  put(leader.flushed_end_);
  put(leader.high_watermark_);
  put(leader.tail_start_);
  put(leader.isr_);
  for (const auto& [replica, follower] : leader.followers_) {
    put(replica);
    put(follower, leader.log_end_);
  }
  put(leader.is_deposed_);
  if (leader.isr_.pending() || !reduces_) put_since(leader.proposed_at_, kRetry);
  put(leader.refused_until_);
  put(leader.file_reads_);
  put_if(false, leader.turns_);
  put(leader.throttled_);
}

void StateWriter::put(const PartitionFollower& follower) {
  using State = PartitionFollower::State;
  const bool opens = follower.state_ == State::opening;
  const bool streams = follower.state_ == State::streaming;
  const bool cuts = follower.state_ == State::cutting;
  STRANDLINE_ASSERT(follower.state_ == State::waiting || !streams ||
                    follower.credit_limit_ >= follower.bytes_taken_ + kCreditMin);
  put(follower.config_.self, follower.config_.incarnation);
  put(follower.name_);
  put(follower.state_);
  put(follower.connected_);
  put_if(cuts, follower.stream_is_over_);
  put_if(opens, follower.round_);
  put_if(opens, follower.at_most_);
  put_since(follower.opened_at_, kRetry);
  if (opens || !reduces_) put_since(follower.asked_at_, kRetry);
  put_if(cuts, follower.cut_to_);
  put(follower.history_.starts());
  put(follower.log_start_);
  put(follower.log_end_);
  put(follower.flushed_end_);
  put(follower.high_watermark_);
  put_if(streams, follower.leader_high_watermark_);
  put_if(streams, follower.leader_log_start_);
  put(follower.needs_catch_up_);
  put(follower.stalled_);
  put(follower.syncing_);
  put_if(false, follower.bytes_taken_);
  put_if(false, follower.credit_limit_);
  put(follower.throttled_);
  put(follower.awaits_allowance_);
}

// --- the world around them

void StateWriter::put(const partition_sim::SimBatch& batch) {
  put(batch.base_offset);
  put(batch.record_count);
  put(batch.leader_epoch);
  put(batch.id);
}

// What a crash leaves matters while there may be another.
void StateWriter::put(const partition_sim::ReplicaLog& log) {
  const bool may_crash = world_.left_.crashes > 0;
  put(log.start_);
  put(log.begins_at_);
  put(log.batches_);
  put(log.epochs_.starts());
  put(log.flushed_end_);
  put(log.high_watermark_);
  put_if(may_crash, log.saved_high_watermark_);
  put_if(false, log.sync_covers_);
  put_if(may_crash && world_.left_.power_losses > 0, log.old_tail_);
}

void StateWriter::put(const partition_sim::Image& image) {
  put(image.isr);
  put(image.replicas);
  put(image.leader);
  put(image.leader_epoch);
  put(image.min_insync_replicas);
  for (const auto& [replica, incarnation] : image.incarnations) put(replica, incarnation);
}

void StateWriter::put(const partition_sim::Registration& registration) {
  put_if(false, registration.unclean);
  put(registration.cut);
  put_if(false, registration.damaged);
  // Lengths are compared among those that were cut.
  put_if(registration.cut, registration.last_epoch);
  put_if(registration.cut, registration.log_end_offset);
}

void StateWriter::put(const partition_sim::Refusal& refusal) {
  put(refusal.expected);
  put(refusal.reason);
  put(refusal.at_fault);
}

void StateWriter::put(const partition_sim::ControllerModel& controller) {
  put(controller.replicas_);
  put(controller.target_);
  for (const auto& [id, broker] : controller.brokers_) {
    put(id, broker.incarnation);
    put(broker.fenced);
    // Who is not among the candidates becomes one by the leader's word, and that clears it.
    const bool is_candidate = controller.isr_.contains(id) || controller.eligible_.contains(id);
    put_if(is_candidate, broker.registered);
  }
  put(controller.isr_);
  put(controller.eligible_);
  put(controller.leader_);
  put(controller.leader_epoch_);
  put(controller.partition_epoch_);
  put_since(controller.leaderless_since_, partition_sim::ControllerModel::kLeaderlessMax);
  put_if(false, controller.incarnations_);
}

// Epochs in which somebody leads or may begin to: who begins has it from the newest image, or from
// one that waits for the end of a cut.
std::set<LeaderEpoch> StateWriter::live_epochs() const {
  std::set<LeaderEpoch> epochs{world_.controller_.leader_epoch_};
  for (const World::Node& node : world_.nodes_) {
    if (node.leader) epochs.insert(node.leader->leader_epoch());
    if (node.next_image) epochs.insert(node.next_image->leader_epoch);
  }
  return epochs;
}

// What the checker knows of other epochs counts for what it says to these, and to those to come.
void StateWriter::put(const partition_sim::Checker& checker) {
  put(checker.committed_);
  std::set<LeaderEpoch> epochs = live_epochs();
  if (!reduces_) {
    put(checker.committed_ends_);
    for (const auto& [epoch, reads] : checker.reads_) epochs.insert(epoch);
    for (const auto& [epoch, leader] : checker.leaders_) epochs.insert(epoch);
  }
  epochs.insert(LeaderEpoch{std::numeric_limits<std::int32_t>::max()});
  for (const LeaderEpoch epoch : epochs) {
    put(epoch);
    Offset committed = kNoOffset;
    for (const auto& [other, end] : checker.committed_ends_) {
      if (other <= epoch) committed = std::max(committed, end);
    }
    put(committed);
    Offset seen_before = kNoOffset;
    std::optional<Offset> seen_after;
    for (const auto& [other, reads] : checker.reads_) {
      if (other < epoch) seen_before = std::max(seen_before, reads.last);
      if (other > epoch) seen_after = std::min(seen_after.value_or(reads.first), reads.first);
      if (other == epoch) put(std::pair{reads.first, reads.last});
    }
    put(seen_before);
    put(seen_after);
    const auto leader = checker.leaders_.find(epoch);
    if (leader == checker.leaders_.end()) continue;
    const auto& [replica, process] = leader->second;
    put(replica);
    const World::Node& node = world_.nodes_.at(static_cast<std::size_t>(replica.value() - 1));
    put(reduces_ ? process == node.process : process);
  }
}

void StateWriter::put(const World::Payload& payload) {
  put(payload.message);
  put(payload.batches);
}

void StateWriter::put(const World::Cut& cut) {
  put(cut.end);
  put(cut.start);
}

void StateWriter::put(const World::Proposal& proposal) {
  put_if(false, proposal.process);
  put(proposal.proposal);
}

// A leader has what else is in an image from its core; a follower and others have no use for it.
void StateWriter::put_image(const World::Node& node,
                            const std::optional<partition_sim::Image>& image, bool is_taken) {
  if (!reduces_) return put(image);
  put(image.has_value());
  if (!image) return;
  put(image->leader);
  put(image->leader_epoch);
  if (is_taken) return;
  put(image->replicas);
  if (image->leader == node.id) put(image->isr);
}

// Of the streams that others opened to it those matter that its core knows.
void StateWriter::put_streams(const World::Node& node) {
  if (!reduces_) return put(node.streams);
  if (!node.leader || world_.left_.crashes == 0) return;
  for (const auto& [replica, name] : node.streams) {
    const auto follower = node.leader->followers_.find(replica);
    const bool is_known = follower != node.leader->followers_.end() &&
                          follower->second.stream != FollowerState::Stream::none &&
                          follower->second.name == name;
    if (is_known) put(replica);
  }
  put(kNoReplica);
}

void StateWriter::put(const World::Node& node) {
  put(node.up);
  put(node.registered);
  put_if(false, node.process);
  put(node.id, node.incarnation);
  // The controller has it by then.
  put_if(!node.registered, node.registration);
  put(node.log);
  put(node.needs_catch_up);
  put_image(node, node.image, true);
  put_image(node, node.next_image, false);
  put(node.leader);
  put(node.follower);
  // Every stream that is named anywhere is this one or an older.
  if (!reduces_) put(node.last_stream.value());
  put_streams(node);
  put(node.waiting);
  put(node.sync.has_value());
  if (node.sync) put(std::min(*node.sync, node.log.sync_covers_));
  put(node.sync_wanted);
  put(node.cut);
  put(node.proposals.size());
  for (const World::Proposal& proposal : node.proposals) {
    put(proposal.process == node.process);
    put(proposal);
  }
  put(node.answers);
}

void StateWriter::put(const World& world) {
  const Bounds& left = world.left_;
  put(left.records);
  put(left.crashes);
  put_if(left.crashes > 0, left.power_losses);
  put(left.fencings);
  put(left.reassignments);
  put(world.controller_);
  put(world.checker_);
  put(world.nodes_);
  put(world.ways_);
  put(world.next_id_);
}

}  // namespace strandline

namespace strandline::partition_search {

Fingerprint World::fingerprint() const { return StateWriter{*this}.fingerprint(); }

}  // namespace strandline::partition_search
