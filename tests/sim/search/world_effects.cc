// The shell around the cores: gives them their roles, and carries out what they ask for.
#include <algorithm>
#include <utility>

#include "tests/sim/search/world.h"

namespace strandline::partition_search {

using partition_sim::Image;
using partition_sim::Plant;
using partition_sim::SimBatch;
using partition_sim::Violation;

namespace {

constexpr std::uint64_t kBatchBytes = 100;

// The log knows a later leader: this image is of the past.
bool is_outlived(const EpochStarts& epochs, const Image& image) {
  return !epochs.empty() && epochs.back().leader_epoch > image.leader_epoch;
}

}  // namespace

// --- roles

void World::take_role(Node& node, const Image& image) {
  const bool is_of_the_past = image.incarnations.at(node.id) != node.incarnation;
  if (is_of_the_past && left_.plant != Plant::believe_old_image) return;
  const bool same_term = node.image && node.image->leader == image.leader &&
                         node.image->leader_epoch == image.leader_epoch;
  node.image.emplace(image);
  const bool is_in_sync = std::ranges::find(image.isr.members, node.id) != image.isr.members.end();
  if (!same_term) {
    drop_cores(node);
    const bool is_replica = std::ranges::find(image.replicas, node.id) != image.replicas.end();
    if (!is_replica || is_outlived(node.log.epochs(), image)) return;
    if (image.leader == node.id) return lead(node);
    if (image.leader != kNoReplica) follow(node);
    return;
  }
  if (node.leader) node.leader->on_isr(now_, image.isr);
  if (node.follower && is_in_sync) node.follower->on_in_sync();
  drain(node);
}

void World::drop_cores(Node& node) {
  if (node.follower) node.last_stream = node.follower->last_stream();
  node.leader.reset();
  node.follower.reset();
  node.waiting.clear();
  node.streams.clear();
  node.sync_wanted = false;
}

void World::lead(Node& node) {
  const Image& image = *node.image;
  checker_.on_leader(node.id, node.process, image.leader_epoch, node.log);
  see("leads", node);
  const LeaderConfig config{.self = node.id,
                            .incarnation = node.incarnation,
                            .min_insync_replicas = image.min_insync_replicas};
  const LeaderLog log{.log_start_offset = node.log.start(),
                      .first_batch_offset = node.log.first_batch(),
                      .log_end_offset = node.log.end(),
                      .flushed_end = node.log.flushed_end(),
                      .high_watermark = node.log.high_watermark(),
                      .epochs = node.log.epochs()};
  node.leader.emplace(config, LeaderTerm{image.leader_epoch, image.replicas, image.isr}, log, now_);
  node.log.on_new_leader_epoch(image.leader_epoch);
  start_sync(node);
  show_readers(node);
  drain(node);
}

void World::follow(Node& node) {
  const Image& image = *node.image;
  const bool cuts_at_once = left_.plant == Plant::cut_to_high_watermark;
  if (cuts_at_once && node.log.end() > node.log.high_watermark()) {
    node.log.truncate(node.log.high_watermark());
  }
  node.follower.emplace(FollowerConfig{.self = node.id, .incarnation = node.incarnation},
                        image.leader_epoch, follower_log(node), node.last_stream);
  if (node_of(image.leader).up) node.follower->on_connected(now_);
  drain(node);
}

FollowerLog World::follower_log(const Node& node) const {
  return {.log_start_offset = node.log.start(),
          .log_end_offset = node.log.end(),
          .flushed_end = node.log.flushed_end(),
          .high_watermark = node.log.high_watermark(),
          .epochs = node.log.epochs(),
          .needs_catch_up = node.needs_catch_up};
}

// --- effects

void World::drain(Node& node) {
  for (bool is_idle = false; !is_idle;) {
    is_idle = true;
    if (node.leader) {
      for (const LeaderEffect& effect : node.leader->take_effects()) {
        is_idle = false;
        std::visit([&](const auto& e) { carry_out(node, e); }, effect);
      }
    } else if (node.follower) {
      for (const FollowerEffect& effect : node.follower->take_effects()) {
        is_idle = false;
        std::visit([&](const auto& e) { carry_out(node, e); }, effect);
      }
    }
  }
}

void World::show_readers(Node& node) {
  const bool serves =
      node.leader->may_serve_readers() || left_.plant == Plant::serve_readers_at_once;
  if (serves) checker_.on_read(node.leader->leader_epoch(), node.leader->high_watermark());
}

void World::acknowledge(Node& node) {
  while (!node.waiting.empty()) {
    const SimBatch& batch = node.waiting.front();
    const bool is_safe = node.leader->answer_for(batch.next_offset()) == Errc::ok &&
                         batch.next_offset() <= node.log.high_watermark();
    if (!is_safe && left_.plant != Plant::ack_on_append) return;
    const std::int32_t needed =
        std::max(node.image->min_insync_replicas, node.leader->isr().min_insync_replicas());
    checker_.on_acknowledged(batch, copies(batch), needed);
    node.waiting.pop_front();
  }
}

std::int32_t World::copies(const SimBatch& batch) const {
  return static_cast<std::int32_t>(std::ranges::count_if(nodes_, [&](const Node& node) {
    const SimBatch* here = node.log.find(batch.base_offset);
    return batch.next_offset() <= node.log.flushed_end() && here != nullptr && *here == batch;
  }));
}

void World::start_sync(Node& node) {
  if (node.sync || node.log.flushed_end() >= node.log.end()) return;
  node.sync = node.log.begin_sync();
}

void World::carry_out(Node& node, const AdvanceHighWatermark& effect) {
  std::optional<LeaderEpoch> leads_in;
  if (node.leader) leads_in = node.leader->leader_epoch();
  checker_.on_high_watermark(node.id, node.log, node.log.high_watermark(), effect.high_watermark,
                             leads_in);
  node.log.set_high_watermark(effect.high_watermark);
  if (!node.leader) return;
  acknowledge(node);
  show_readers(node);
}

void World::carry_out(Node& node, const ServeReaders&) { show_readers(node); }

void World::carry_out(Node& node, const RefuseWaiting&) { node.waiting.clear(); }

void World::carry_out(Node& node, const ProposeIsr& effect) {
  node.proposals.push_back({node.process, effect.proposal});
}

void World::carry_out(Node& node, const SendToFollower& effect) {
  Node& to = node_of(name_of(effect.message).replica);
  if (to.up) way(node, to).push_back({effect.message, {}});
}

void World::carry_out(Node& node, const ReadBatches& effect) {
  const std::vector<SimBatch> found = node.log.read(effect.from, 1);
  if (found.empty() || effect.from < node.log.first_batch()) {
    return node.leader->on_read_failed(now_, effect.name, Errc::offset_out_of_range);
  }
  const SimBatch& batch = found.front();
  auto header = node.leader->on_read(now_, effect.name, batch.next_offset(), kBatchBytes);
  if (!header) return;
  header->batches.push_back({.base_offset = batch.base_offset,
                             .leader_epoch = batch.leader_epoch,
                             .record_count = batch.record_count});
  Node& to = node_of(effect.name.replica);
  if (to.up) way(node, to).push_back({LeaderMessage{std::move(*header)}, found});
}

void World::carry_out(Node& node, const SendToLeader& effect) {
  FollowerMessage message = effect.message;
  auto* open = std::get_if<OpenStream>(&message);
  if (open != nullptr && left_.plant == Plant::hide_epochs) {
    open->history = {.starts = {{open->name.leader_epoch, Offset{0}}}, .end = node.log.end()};
  }
  Node& to = node_of(node.image->leader);
  if (to.up) way(node, to).push_back({message, {}});
}

void World::carry_out(Node& node, const TruncateLog& effect) {
  checker_.on_cut(node.id, node.log, effect.end);
  node.cut = Cut{effect.end, Offset{0}};
}

void World::carry_out(Node& node, const RestartLog& effect) {
  // A log that reaches down to where the leader's begins has something in common with it.
  if (!node.log.batches().empty() && node.log.start() >= effect.start) {
    throw Violation{"a log is begun anew that could be cut"};
  }
  node.cut = Cut{std::nullopt, effect.start};
}

void World::carry_out(Node& node, const AppendBatches& effect) {
  for (std::size_t i = 0; i < effect.batches.size(); ++i) node.log.append((*message_batches_)[i]);
  node.follower->on_appended(node.log.end());
}

void World::carry_out(Node& node, const StartSync&) {
  if (left_.plant == Plant::ack_before_sync) {
    start_sync(node);
    return node.follower->on_synced(node.log.end());
  }
  node.sync_wanted = true;
  start_sync(node);
}

void World::carry_out(Node& node, const AdvanceLogStart& effect) {
  node.log.delete_records(effect.log_start_offset);
}

// Between terms, one of the two knows the other no longer, or not yet. All else is a mistake.
void World::carry_out(Node& node, const StreamBroken& effect) {
  const bool is_between_terms = effect.reason == Errc::fenced_leader_epoch ||
                                effect.reason == Errc::unknown_leader_epoch ||
                                effect.reason == Errc::replica_not_available;
  if (is_between_terms) return;
  throw Violation{"the stream of replica " + std::to_string(node.id.value()) +
                  " broke: " + std::string{errc_name(effect.reason)}};
}

void World::carry_out(Node&, const AskAllowance&) { throw Violation{"nothing is throttled here"}; }

}  // namespace strandline::partition_search
