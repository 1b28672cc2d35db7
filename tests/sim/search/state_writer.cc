#include "tests/sim/search/state_writer.h"

#include "protocol/base/bytes.h"
#include "protocol/base/hash.h"

namespace strandline {

using partition_search::World;

// One of them has got another member: write it below, then correct the size here.
static_assert(sizeof(PartitionLeader) == 456);
static_assert(sizeof(PartitionFollower) == 264);
static_assert(sizeof(FollowerState) == 272);

std::uint64_t StateWriter::digest() const { return xxh3(as_bytes(bytes_)); }

// --- messages

void StateWriter::put(const StreamName& name) {
  put(name.leader_epoch);
  put(name.replica);
  put(name.incarnation);
  put(name.stream);
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
  put(open.credit_limit);
  put(open.needs_catch_up);
}

void StateWriter::put(const StreamAck& ack) {
  put(ack.name);
  put(ack.appended);
  put(ack.flushed);
  put(ack.high_watermark);
  put(ack.log_start_offset);
  put(ack.credit_limit);
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
  put(member.incarnation);
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

void StateWriter::put(const LagClock& lag) {
  put(lag.caught_up_at_);
  put(lag.mark_.has_value());
  if (!lag.mark_) return;
  put(lag.mark_->time);
  put(lag.mark_->log_end);
}

void StateWriter::put(const FollowerState& follower) {
  put(follower.stream);
  put(follower.name);
  put(follower.opened);
  put(follower.answered);
  put(follower.must_restart);
  put(follower.stalled);
  put(follower.end_reason);
  put(follower.appended);
  put(follower.flushed);
  put(follower.high_watermark);
  put(follower.log_start_offset);
  put(follower.lag);
  put(follower.next_offset);
  put(follower.bytes_sent);
  put(follower.credit_limit);
  put(follower.reading);
  put(follower.reading_files);
  put(follower.turn);
  put(follower.high_watermark_sent);
  put(follower.log_start_sent);
  put(follower.asked_at);
  put(follower.barred);
  put(follower.refused_until);
  put(follower.allowance);
  put(follower.awaits_allowance);
  put(follower.allowance_of_read);
  put(follower.bytes_beyond);
}

void StateWriter::put(const PartitionLeader& leader) {
  put(leader.config_.self);
  put(leader.config_.incarnation);
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
  put(leader.followers_);
  put(leader.is_deposed_);
  put(leader.proposed_at_);
  put(leader.refused_until_);
  put(leader.file_reads_);
  put(leader.turns_);
  put(leader.throttled_);
}

void StateWriter::put(const PartitionFollower& follower) {
  put(follower.config_.incarnation);
  put(follower.name_);
  put(follower.state_);
  put(follower.connected_);
  put(follower.stream_is_over_);
  put(follower.round_);
  put(follower.at_most_);
  put(follower.opened_at_);
  put(follower.asked_at_);
  put(follower.cut_to_);
  put(follower.history_.starts());
  put(follower.log_start_);
  put(follower.log_end_);
  put(follower.flushed_end_);
  put(follower.high_watermark_);
  put(follower.leader_high_watermark_);
  put(follower.leader_log_start_);
  put(follower.needs_catch_up_);
  put(follower.stalled_);
  put(follower.syncing_);
  put(follower.bytes_taken_);
  put(follower.credit_limit_);
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

void StateWriter::put(const partition_sim::ReplicaLog& log) {
  put(log.start_);
  put(log.begins_at_);
  put(log.batches_);
  put(log.epochs_.starts());
  put(log.flushed_end_);
  put(log.high_watermark_);
  put(log.saved_high_watermark_);
  put(log.sync_covers_);
  put(log.old_tail_);
}

void StateWriter::put(const partition_sim::Image& image) {
  put(image.isr);
  put(image.replicas);
  put(image.leader);
  put(image.leader_epoch);
  put(image.min_insync_replicas);
  put(image.incarnations);
}

void StateWriter::put(const partition_sim::Registration& registration) {
  put(registration.unclean);
  put(registration.cut);
  put(registration.damaged);
  put(registration.last_epoch);
  put(registration.log_end_offset);
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
    put(broker.incarnation);
    put(broker.fenced);
    put(broker.registered);
  }
  put(controller.isr_);
  put(controller.eligible_);
  put(controller.leader_);
  put(controller.leader_epoch_);
  put(controller.partition_epoch_);
  put(controller.leaderless_since_);
  put(controller.incarnations_);
}

void StateWriter::put(const partition_sim::Checker& checker) {
  put(checker.committed_);
  put(checker.committed_ends_);
  for (const auto& [epoch, leader] : checker.leaders_) {
    put(epoch);
    put(leader.replica);
    put(leader.process);
  }
  for (const auto& [epoch, reads] : checker.reads_) {
    put(epoch);
    put(reads.first);
    put(reads.last);
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
  put(proposal.process);
  put(proposal.proposal);
}

void StateWriter::put(const World::Node& node) {
  put(node.up);
  put(node.registered);
  put(node.process);
  put(node.incarnation);
  put(node.registration);
  put(node.log);
  put(node.needs_catch_up);
  put(node.image);
  put(node.next_image);
  put(node.leader);
  put(node.follower);
  put(node.last_stream);
  put(node.streams);
  put(node.waiting);
  put(node.sync);
  put(node.sync_wanted);
  put(node.cut);
  put(node.proposals);
  put(node.answers);
}

void StateWriter::put(const World& world) {
  put(world.left_.records);
  put(world.left_.crashes);
  put(world.left_.power_losses);
  put(world.left_.fencings);
  put(world.left_.reassignments);
  put(world.controller_);
  put(world.checker_);
  put(world.nodes_);
  put(world.ways_);
  put(world.next_id_);
}

std::uint64_t partition_search::World::fingerprint() const {
  StateWriter writer{now_};
  writer.put(*this);
  return writer.digest();
}

}  // namespace strandline
