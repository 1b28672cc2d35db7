// The shell around the cores: carries out what they ask for.
#include <algorithm>
#include <utility>

#include "tests/sim/replication/cluster.h"

namespace strandline::partition_sim {
namespace {

constexpr std::uint64_t kRecordBytes = 100;
constexpr Duration kDiskStall = std::chrono::milliseconds{1000};

std::uint64_t bytes_of(const SimBatch& batch) {
  return static_cast<std::uint64_t>(batch.record_count) * kRecordBytes;
}

BatchClaim claim(const SimBatch& batch) {
  return {.base_offset = batch.base_offset,
          .leader_epoch = batch.leader_epoch,
          .record_count = batch.record_count};
}

}  // namespace

void Cluster::send(Node& from, Node& to, Payload payload) {
  ++stats_.messages;
  Link& way = link(from.index, to.index);
  const std::uint64_t connection = from.connections.at(to.id);
  if (!way.up || (profile_.has_connections && connection != way.connection)) return;
  const Duration delay = between(100, 2000);
  Instant& last = way.last_delivery[from.index < to.index ? 0 : 1];
  std::vector<Instant> deliveries{last = std::max(queue_.now() + delay, last)};
  if (faults_ && !profile_.has_connections) {
    if (prng_.below(1000) < profile_.lost_per_mille) return;
    const Instant late = queue_.now() + between(1000, 700'000);
    if (prng_.below(1000) < profile_.late_per_mille) deliveries = {late};
    if (prng_.below(1000) < profile_.doubled_per_mille) deliveries.push_back(late);
  }
  for (const Instant at : deliveries) {
    queue_.at(at,
              [this, &from, &to, payload, connection] { deliver(from, to, payload, connection); });
  }
}

// Without connections a message may reach a later process than the one it was meant for.
void Cluster::deliver(Node& from, Node& to, const Payload& payload, std::uint64_t connection) {
  const Link& way = link(from.index, to.index);
  if (!to.up || !way.up) return;
  if (profile_.has_connections && connection != way.connection) return;
  if (const auto* message = std::get_if<FollowerMessage>(&payload.message)) {
    if (to.leader == nullptr) return;
    if (const auto* open = std::get_if<OpenStream>(message)) {
      to.stream_connections[from.id] = {open->name, way.connection};
    }
    const auto* ack = std::get_if<StreamAck>(message);
    if (options_.plant == Plant::count_late_acks && ack != nullptr &&
        to.stream_connections.contains(from.id)) {
      StreamAck taken = *ack;
      taken.name = to.stream_connections.at(from.id).first;
      to.leader->on_message(queue_.now(), taken);
    } else {
      to.leader->on_message(queue_.now(), *message);
    }
    drain(to);
    return;
  }
  if (to.follower == nullptr) return;
  message_batches_ = &payload.batches;
  to.follower->on_message(queue_.now(), std::get<LeaderMessage>(payload.message));
  drain(to);
  message_batches_ = nullptr;
}

void Cluster::drain(Node& node) {
  const std::uint64_t core = node.core;
  for (;;) {
    bool is_idle = true;
    if (node.leader != nullptr) {
      for (const LeaderEffect& effect : node.leader->take_effects()) {
        is_idle = false;
        std::visit([&](const auto& e) { carry_out(node, e); }, effect);
      }
    } else if (node.follower != nullptr) {
      for (const FollowerEffect& effect : node.follower->take_effects()) {
        is_idle = false;
        std::visit([&](const auto& e) { carry_out(node, e); }, effect);
      }
    }
    if (is_idle || node.core != core) break;
  }
  arm_timer(node);
}

void Cluster::arm_timer(Node& node) {
  std::optional<Instant> next;
  if (node.leader != nullptr) next = node.leader->next_timeout();
  if (node.follower != nullptr) next = node.follower->next_timeout();
  if (!next.has_value() || (node.timer.has_value() && *node.timer <= *next)) return;
  node.timer = next;
  later(node, *next - queue_.now(), true, [this, at = *next](Node& then) {
    if (then.timer == at) on_timer(then);
  });
}

void Cluster::on_timer(Node& node) {
  node.timer.reset();
  std::optional<Instant> next;
  if (node.leader != nullptr) {
    node.leader->on_timeout(queue_.now());
    next = node.leader->next_timeout();
  }
  if (node.follower != nullptr) {
    node.follower->on_timeout(queue_.now());
    next = node.follower->next_timeout();
  }
  if (next.has_value() && *next <= queue_.now()) throw Violation{"a core waits for a time gone by"};
  drain(node);
}

void Cluster::show_readers(Node& node) {
  const bool serves =
      node.leader->may_serve_readers() || options_.plant == Plant::serve_readers_at_once;
  if (serves) checker_.on_read(node.leader->leader_epoch(), node.leader->high_watermark());
}

void Cluster::carry_out(Node& node, const AdvanceHighWatermark& effect) {
  const bool leads = node.leader != nullptr;
  std::optional<LeaderEpoch> leads_in;
  if (leads) leads_in = node.leader->leader_epoch();
  checker_.on_high_watermark(node.id, node.log, node.log.high_watermark(), effect.high_watermark,
                             leads_in);
  node.log.set_high_watermark(effect.high_watermark);
  if (!leads) return;
  acknowledge(node);
  show_readers(node);
}

void Cluster::carry_out(Node& node, const ServeReaders&) { show_readers(node); }

void Cluster::carry_out(Node& node, const RefuseWaiting&) { node.waiting.clear(); }

void Cluster::carry_out(Node& node, const ProposeIsr& effect) { propose(node, effect.proposal); }

// A request to the controller may wait long on its way, and come twice.
void Cluster::propose(Node& node, const IsrProposal& proposal) {
  const std::uint64_t process = node.process;
  const std::size_t index = node.index;
  const int copies = has_trouble() ? 2 : 1;
  for (int copy = 0; copy < copies; ++copy) {
    const bool is_lost = has_trouble();
    const bool is_late = has_trouble();
    if (is_lost || !node.controller_link) continue;
    queue_.after(is_late ? between(1000, 2'500'000) : between(200, 3000),
                 [this, index, process, proposal] {
                   Node& then = nodes_[index];
                   const bool is_known = then.process == process;
                   if (is_known || !profile_.has_connections) answer_proposal(then, proposal);
                 });
  }
}

void Cluster::answer_proposal(Node& node, const IsrProposal& proposal) {
  const auto answer = controller_.alter_isr(queue_.now(), proposal);
  const bool is_taken = std::holds_alternative<CommittedIsr>(answer);
  ++(is_taken ? stats_.isr_changes : stats_.isr_refusals);
  for (Node& other : nodes_) {
    if (is_taken) send_image(other);
  }
  const bool is_lost = has_trouble();
  if (is_lost || !node.controller_link || !node.up) return;
  later(node, between(200, 3000), false, [this, answer, proposal](Node& then) {
    const bool is_for_it =
        then.leader != nullptr && then.leader->leader_epoch() == proposal.leader_epoch;
    if (!is_for_it) return;
    if (const auto* isr = std::get_if<CommittedIsr>(&answer)) {
      then.leader->on_isr(queue_.now(), *isr);
    } else {
      const auto& refusal = std::get<Refusal>(answer);
      then.leader->on_isr_refused(queue_.now(), refusal.expected, refusal.reason, refusal.at_fault);
    }
    drain(then);
  });
}

void Cluster::carry_out(Node& node, const SendToFollower& effect) {
  send(node, node_of(name_of(effect.message).replica), {effect.message, {}});
}

void Cluster::carry_out(Node& node, const ReadBatches& effect) {
  if (!effect.from_files) return read(node, effect);
  ++stats_.file_reads;
  later(node, between(100, 8000), true, [this, effect](Node& then) {
    read(then, effect);
    drain(then);
  });
}

void Cluster::read(Node& node, const ReadBatches& effect) {
  const std::vector<SimBatch> found = node.log.read(effect.from, 64);
  const bool is_gone = found.empty() || effect.from < node.log.first_batch();
  const bool fails = faults_ && effect.from_files && prng_.chance(1, 100);
  if (is_gone || fails) {
    const Errc reason = is_gone ? Errc::offset_out_of_range : Errc::kafka_storage_error;
    return node.leader->on_read_failed(queue_.now(), effect.name, reason);
  }
  Payload payload;
  StreamBatches message;
  std::uint64_t bytes = 0;
  for (const SimBatch& batch : found) {
    if (bytes != 0 && bytes + bytes_of(batch) > effect.bytes_max) break;
    bytes += bytes_of(batch);
    payload.batches.push_back(batch);
    message.batches.push_back(claim(batch));
  }
  const Offset next = payload.batches.back().next_offset();
  const auto header = node.leader->on_read(queue_.now(), effect.name, next, bytes);
  if (!header.has_value()) return;
  std::vector<BatchClaim> claims = std::move(message.batches);
  message = *header;
  message.batches = std::move(claims);
  payload.message = LeaderMessage{std::move(message)};
  send(node, node_of(effect.name.replica), std::move(payload));
}

void Cluster::carry_out(Node& node, const SendToLeader& effect) {
  FollowerMessage message = effect.message;
  auto* open = std::get_if<OpenStream>(&message);
  if (open != nullptr && options_.plant == Plant::hide_epochs) {
    open->history = {.starts = {{open->name.leader_epoch, Offset{0}}}, .end = node.log.end()};
  }
  send(node, node_of(node.image->leader), {message, {}});
}

FollowerLog Cluster::follower_log(const Node& node) const {
  return {.log_start_offset = node.log.start(),
          .log_end_offset = node.log.end(),
          .flushed_end = node.log.flushed_end(),
          .high_watermark = node.log.high_watermark(),
          .epochs = node.log.epochs(),
          .needs_catch_up = node.needs_catch_up};
}

void Cluster::carry_out(Node& node, const TruncateLog& effect) {
  ++stats_.truncations;
  note("truncate " + std::to_string(node.id.value()) + " to " + text(effect.end));
  if (!damage_happened_) checker_.on_cut(node.id, node.log, effect.end);
  cut_later(node, effect.end, Offset{0});
}

void Cluster::carry_out(Node& node, const RestartLog& effect) {
  ++stats_.restarts;
  // A log that reaches down to where the leader's begins has something in common with it.
  if (!damage_happened_ && node.log.start() >= effect.start) {
    throw Violation{"the log of replica " + std::to_string(node.id.value()) + " from " +
                    text(node.log.start()) + " to " + text(node.log.end()) + " is begun anew at " +
                    text(effect.start) + " and could be cut"};
  }
  note("restart the log of " + std::to_string(node.id.value()) + " at " + text(effect.start));
  cut_later(node, std::nullopt, effect.start);
}

// A cut waits for the disk; what the controller says meanwhile waits for the cut.
void Cluster::cut_later(Node& node, std::optional<Offset> end, Offset start) {
  node.cutting = true;
  later(node, between(200, 20'000), false, [this, end, start](Node& then) {
    if (end.has_value()) {
      then.log.truncate(*end);
    } else {
      then.log.restart(start);
    }
    then.cutting = false;
    then.follower->on_truncated(queue_.now(), follower_log(then));
    if (then.next_image.has_value()) take_role(then, *std::exchange(then.next_image, {}));
    drain(then);
  });
}

void Cluster::carry_out(Node& node, const AppendBatches& effect) {
  const bool is_damaged = faults_ && prng_.chance(1, 400);
  const std::size_t sound = is_damaged ? prng_.below(effect.batches.size()) : effect.batches.size();
  for (std::size_t i = 0; i < sound; ++i) node.log.append((*message_batches_)[i]);
  if (is_damaged) {
    node.follower->on_append_failed(queue_.now(), node.log.end(), Errc::corrupt_batch);
  } else {
    node.follower->on_appended(node.log.end());
  }
}

void Cluster::carry_out(Node& node, const StartSync&) {
  if (options_.plant == Plant::ack_before_sync) {
    start_sync(node);
    return node.follower->on_synced(node.log.end());
  }
  node.sync_wanted = true;
  start_sync(node);
}

void Cluster::start_sync(Node& node) {
  if (node.sync_running || node.log.flushed_end() >= node.log.end()) return;
  node.sync_running = true;
  const Offset covered = node.log.begin_sync();
  const Duration stall = std::max(Duration{0}, node.disk_stalls_until - queue_.now());
  later(node, stall + between(100, 5000), false,
        [this, covered](Node& then) { finish_sync(then, covered); });
  if (stall < kDiskStall) return;
  later(node, kDiskStall, true, [this](Node& then) {
    if (then.follower == nullptr) return;
    then.follower->set_stalled(true);
    drain(then);
  });
}

void Cluster::finish_sync(Node& node, Offset covered) {
  node.log.finish_sync(covered);
  node.sync_running = false;
  if (node.follower != nullptr) node.follower->set_stalled(false);
  if (node.leader != nullptr) node.leader->on_synced(queue_.now(), node.log.flushed_end());
  const bool is_wanted = std::exchange(node.sync_wanted, false);
  if (node.follower != nullptr && is_wanted) {
    node.follower->on_synced(node.log.flushed_end());
  } else {
    start_sync(node);
  }
  drain(node);
}

void Cluster::carry_out(Node& node, const AdvanceLogStart& effect) {
  node.log.delete_records(effect.log_start_offset);
}

void Cluster::carry_out(Node& node, const StreamBroken& effect) {
  ++stats_.broken_streams;
  note("stream of " + std::to_string(node.id.value()) + " broke at " + text(effect.log_end_offset) +
       ": " + std::string{errc_name(effect.reason)});
}

void Cluster::append(std::size_t index) {
  Node& node = nodes_[index];
  if (!node.up || node.leader == nullptr) return;
  if (node.leader->may_append() != Errc::ok) {
    ++stats_.refused;
    return;
  }
  ++stats_.appends;
  const SimBatch batch{.base_offset = node.log.end(),
                       .record_count = static_cast<std::int32_t>(1 + prng_.below(5)),
                       .leader_epoch = node.leader->leader_epoch(),
                       .id = ++next_id_};
  node.log.append(batch);
  node.waiting.push_back(batch);
  if (node.log.end() - node.tail_start > 60) node.tail_start = node.log.end() - 30;
  start_sync(node);
  node.leader->on_append(queue_.now(), node.log.end());
  node.leader->on_tail_start(queue_.now(), node.tail_start);
  acknowledge(node);
  drain(node);
}

void Cluster::acknowledge(Node& node) {
  while (!node.waiting.empty()) {
    const SimBatch& batch = node.waiting.front();
    const bool is_safe = node.leader->answer_for(batch.next_offset()) == Errc::ok &&
                         batch.next_offset() <= node.log.high_watermark();
    if (!is_safe && options_.plant != Plant::ack_on_append) return;
    const std::int32_t needed =
        std::max(node.image->min_insync_replicas, node.leader->isr().min_insync_replicas());
    checker_.on_acknowledged(batch, copies(batch), damage_happened_ ? needed - 1 : needed);
    node.waiting.pop_front();
  }
}

// On how many disks the batch is, or in how many page caches where that is all that is promised.
std::int32_t Cluster::copies(const SimBatch& batch) const {
  return static_cast<std::int32_t>(std::ranges::count_if(nodes_, [&](const Node& node) {
    const Offset end = profile_.flush_on_ack ? node.log.flushed_end() : node.log.end();
    const SimBatch* here = node.log.find(batch.base_offset);
    const bool is_deleted = node.log.start() > batch.base_offset;
    return batch.next_offset() <= end && (is_deleted || (here != nullptr && *here == batch));
  }));
}

// Others stand in line before it.
void Cluster::carry_out(Node& node, const AskAllowance& effect) {
  ++stats_.allowances;
  const std::uint64_t bytes = 1 + prng_.below(3000);
  later(node, between(1, 10'000), true, [this, name = effect.name, bytes](Node& then) {
    if (then.leader != nullptr) then.leader->on_allowance(queue_.now(), name, bytes);
    if (then.follower != nullptr) then.follower->on_allowance(name, bytes);
    drain(then);
  });
}

void Cluster::delete_records(std::size_t index) {
  Node& node = nodes_[index];
  if (node.leader == nullptr || !node.leader->may_serve_readers()) return;
  const auto span = static_cast<std::uint64_t>(
      std::min(node.log.high_watermark(), node.log.flushed_end()) - node.log.start());
  if (span == 0 || span > (std::uint64_t{1} << 40)) return;
  ++stats_.deletions;
  const auto by = static_cast<std::int64_t>(1 + prng_.below(span));
  note("delete below " + text(node.log.start() + by));
  node.log.delete_records(node.log.start() + by);
  node.leader->on_log_start(queue_.now(), node.log.start(), node.log.first_batch());
  drain(node);
}

}  // namespace strandline::partition_sim
