#include "broker/partition/leader_role.h"

#include <algorithm>
#include <utility>

#include "broker/partition/partition.h"
#include "broker/partition/shard.h"
#include "protocol/base/errc.h"

namespace strandline {
namespace {

// What was appended last is still in the page cache: followers that want no more than this much
// are served before those that catch up, and at once.
constexpr std::uint64_t kTailBytes = std::uint64_t{8} << 20;
constexpr std::size_t kAppendedMax = 1024;

LeaderConfig config_of(const Partition& partition, const PartitionView& view, BrokerId self) {
  return {.self = self,
          .incarnation = view.incarnation,
          .min_insync_replicas = partition.config().min_insync_replicas,
          .flush_on_ack = partition.config().flush_on_ack,
          .replica_lag_ms_max = partition.shard().settings().replica_lag_time_max_ms};
}

LeaderLog log_of(const PartitionLog& log) {
  return {.log_start_offset = log.log_start_offset(),
          .first_batch_offset = log.first_batch_offset(),
          .log_end_offset = log.log_end_offset(),
          .flushed_end = log.flushed_end(),
          .high_watermark = log.high_watermark(),
          .epochs = log.epochs().starts()};
}

ReplicationThrottle* line_of(const Shard& shard) {
  return shard.throttles() == nullptr ? nullptr : &shard.throttles()->leader;
}

bool is_as_new(const StreamName& name, const StreamName& than) {
  return std::pair{name.incarnation, name.stream} >= std::pair{than.incarnation, than.stream};
}

// Whoever may lead next has been cut to this log, in this term. One that has not may hold older
// records beyond its end, which no leader has committed, and make them what was committed; and
// while too few are in sync, so may one that is not.
bool is_agreed_upon(const PartitionLeader& core) {
  if (core.may_append() != Errc::ok) return false;
  return std::ranges::all_of(core.replicas(), [&](const ReplicaView& view) {
    return view.log_end_offset != kNoOffset || !core.isr().maximal().contains(view.replica);
  });
}

}  // namespace

LeaderRole::LeaderRole(Partition& partition, const PartitionView& view)
    : partition_(partition),
      core_(config_of(partition, view, partition.shard().broker_id()),
            {.leader_epoch = view.leader_epoch, .replicas = view.replicas, .isr = view.isr},
            log_of(partition.log()), steady_now()),
      line_(partition.shard().loop(), line_of(partition.shard()),
            partition.shard().metrics().throttled_sent_bytes,
            [this](const StreamName& name, std::uint64_t bytes) {
              core_.on_allowance(steady_now(), name, bytes);
              drain();
            }),
      has_followers_(view.replicas.size() > 1),
      next_tail_(partition.log().log_end_offset()) {
  core_.set_barred(steady_now(), view.barred);
  core_.set_throttled(steady_now(), is_throttled(partition.config()));
}

LeaderRole::~LeaderRole() {
  if (timer_) partition_.shard().loop().cancel(*timer_);
}

std::optional<TimeStatement> LeaderRole::time_statement(Offset position) const {
  const PartitionLog& log = partition_.log();
  const Timestamp until = partition_.shard().nobody_else_led_until().wall;
  const bool is_at_rest = position == log.log_end_offset() && position == log.high_watermark() &&
                          !log.has_staged() && core_.may_serve_readers();
  if (!is_at_rest || until == kNoTimestamp || !is_agreed_upon(core_)) return std::nullopt;
  return TimeStatement{.log_end_offset = position,
                       .broker_time = until,
                       .highest_event_time = log.highest_event_time(),
                       .idle = steady_now() - idle_since_};
}

bool LeaderRole::knows_that_it_leads(const Claim& claim) {
  constexpr Duration kDoubtMax = std::chrono::seconds{2};
  constexpr std::size_t kDoubtsMax = 4096;  // fewer than claims of one time: none is ever settled
  if (!has_followers_) return true;
  const Instant now = steady_now();
  while (!doubts_.empty() && now - doubts_.front().since > kDoubtMax) doubts_.pop_front();
  const auto known = std::ranges::find(doubts_, claim, &Doubt::claim);
  if (known != doubts_.end()) {
    return partition_.shard().nobody_else_led_until().steady > known->since;
  }
  if (doubts_.size() == kDoubtsMax) doubts_.pop_front();
  doubts_.push_back({claim, now});
  return false;
}

ErrorCode told_to_producer(Partition& partition, const BatchHeader& batch, const ErrorCode& error) {
  if (error != make_error_code(Errc::out_of_order_sequence_number)) return error;
  const LeaderRole::Claim claim{batch.producer_id, batch.base_sequence.value()};
  const bool is_known = partition.leads() && partition.leader()->knows_that_it_leads(claim);
  return is_known ? error : make_error_code(Errc::not_leader_or_follower);
}

void LeaderRole::drain() {
  if (std::exchange(draining_, true)) return;
  for (;;) {
    std::vector<LeaderEffect> effects = core_.take_effects();
    if (effects.empty()) break;
    for (LeaderEffect& effect : effects) {
      std::visit([this](auto& e) { carry_out(e); }, effect);
    }
  }
  draining_ = false;
  shared_.reset();
  if (has_followers_) arm_timer();
}

// One that is armed for an earlier moment wakes for nothing, and arms the next.
void LeaderRole::arm_timer() {
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

void LeaderRole::on_append(Offset first, Timestamp append_time, std::uint64_t bytes) {
  const Instant now = steady_now();
  idle_since_ = now;
  if (has_followers_) {
    appended_.push_back({first, append_time});
    if (appended_.size() > kAppendedMax) appended_.pop_front();
    move_tail(first, bytes);
  }
  core_.on_append(now, partition_.log().log_end_offset());
  drain();
}

void LeaderRole::move_tail(Offset first, std::uint64_t bytes) {
  tail_bytes_ += bytes;
  if (tail_bytes_ < kTailBytes / 2) return;
  core_.on_tail_start(steady_now(), next_tail_);
  next_tail_ = first;
  tail_bytes_ = 0;
}

void LeaderRole::on_synced() {
  core_.on_synced(steady_now(), partition_.log().flushed_end());
  drain();
}

void LeaderRole::on_log_start() {
  const PartitionLog& log = partition_.log();
  core_.on_log_start(steady_now(), log.log_start_offset(), log.first_batch_offset());
  drain();
}

void LeaderRole::on_view(const PartitionView& view) {
  const Instant now = steady_now();
  core_.on_isr(now, view.isr);
  core_.set_barred(now, view.barred);
  drain();
}

void LeaderRole::set_config(const TopicConfig& config) {
  core_.set_topic_config(steady_now(), config.min_insync_replicas, config.flush_on_ack,
                         partition_.shard().settings().replica_lag_time_max_ms);
  core_.set_throttled(steady_now(), is_throttled(config));
  drain();
}

bool LeaderRole::is_throttled(const TopicConfig& config) const {
  return config.leader_throttled_replicas.contains(partition_.key().partition,
                                                   partition_.shard().broker_id());
}

void LeaderRole::on_message(LinkId link, const FollowerMessage& message) {
  heard_ = {.name = name_of(message), .link = link};
  if (std::holds_alternative<OpenStream>(message)) {
    Stream& stream = streams_[heard_.name.replica];
    if (is_as_new(heard_.name, stream.name)) stream = heard_;
  }
  core_.on_message(steady_now(), message);
  drain();
  heard_ = {};
}

void LeaderRole::on_link_down(LinkId link) {
  const Instant now = steady_now();
  for (auto& [replica, stream] : streams_) {
    if (stream.link != link) continue;
    stream.link = kNoLink;
    core_.on_disconnected(now, stream.name);
  }
  on_link_room(link);
}

void LeaderRole::on_link_room(LinkId link) {
  for (const ReadBatches& wanted : std::exchange(held_, {})) {
    const LinkId its = link_of(wanted.name);
    if (its == link || its == kNoLink) {
      carry_out(wanted);
    } else {
      held_.push_back(wanted);
    }
  }
  drain();
}

// --- what the core asks for

void LeaderRole::carry_out(const AdvanceHighWatermark& effect) {
  partition_.advance_high_watermark(effect.high_watermark);
}

void LeaderRole::carry_out(const ServeReaders&) { partition_.wake_readers(); }

void LeaderRole::carry_out(const RefuseWaiting& effect) {
  partition_.refuse_waiting(make_error_code(effect.reason));
}

void LeaderRole::carry_out(const ProposeIsr& effect) {
  partition_.shard().propose_isr({.place = partition_.key(),
                                  .proposal = effect.proposal,
                                  .done = [weak = partition_.weak_from_this(),
                                           proposal = effect.proposal](const IsrReply& reply) {
                                    const auto partition = weak.lock();
                                    if (partition == nullptr || partition->leader() == nullptr)
                                      return;
                                    partition->leader()->on_isr_reply(proposal, reply);
                                  }});
}

// What was committed is believed once an image shows it, with the configs of that moment.
void LeaderRole::on_isr_reply(const IsrProposal& proposal, const IsrReply& reply) {
  const bool is_ours = proposal.leader_epoch == core_.leader_epoch();
  if (!is_ours || reply.error == Errc::ok) return;
  core_.on_isr_refused(steady_now(), proposal.expected, reply.error, reply.at_fault);
  drain();
}

LinkId LeaderRole::link_of(const StreamName& name) const {
  if (name == heard_.name) return heard_.link;
  const auto found = streams_.find(name.replica);
  return found != streams_.end() && found->second.name == name ? found->second.link : kNoLink;
}

std::vector<LinkId> LeaderRole::links() const {
  std::vector<LinkId> links;
  for (const auto& [replica, stream] : streams_) {
    if (stream.link != kNoLink) links.push_back(stream.link);
  }
  return links;
}

void LeaderRole::carry_out(SendToFollower& effect) {
  const LinkId link = link_of(name_of(effect.message));
  ReplicaTransport* const replicas = partition_.shard().replicas();
  if (link == kNoLink || replicas == nullptr) return;
  replicas->send(link, partition_.key(), std::move(effect.message), std::nullopt);
}

void LeaderRole::carry_out(const ReadBatches& effect) {
  const LinkId link = link_of(effect.name);
  if (link == kNoLink) {
    return core_.on_read_failed(steady_now(), effect.name, Errc::rpc_connection_lost);
  }
  if (!partition_.shard().replicas()->has_room(link, partition_.key())) {
    held_.push_back(effect);
    return;
  }
  read(effect);
}

void LeaderRole::carry_out(const AskAllowance& effect) { line_.ask(effect); }

void LeaderRole::read(const ReadBatches& wanted) {
  if (shared_ && shared_->from == wanted.from && shared_->end == wanted.end &&
      shared_->bytes_max == wanted.bytes_max) {
    return read_ended(wanted, shared_->read);
  }
  const PartitionLog& log = partition_.log();
  if (wanted.from < log.first_batch_offset()) {
    return read_ended(wanted, make_error_code(Errc::offset_out_of_range));
  }
  ReadPlan plan = log.plan_read(wanted.from, wanted.end, wanted.bytes_max, true);
  Result<StreamRead> read = read_for_stream(plan, ReadMode::nowait);
  if (!read && read.error() == make_error_code(Errc::would_block)) {
    return read_cold(wanted, std::move(plan));
  }
  if (read) {
    fill_times(*plan.segment, read.value().claims);
    shared_ = {wanted.from, wanted.end, wanted.bytes_max, read.value()};
  }
  read_ended(wanted, std::move(read));
}

void LeaderRole::fill_times(const Segment& segment, std::vector<BatchClaim>& claims) const {
  const bool all_known =
      !appended_.empty() && appended_.front().first <= claims.front().base_offset;
  if (!all_known) return fill_append_times(segment, claims);
  for (BatchClaim& claim : claims) {
    const auto later = std::ranges::upper_bound(appended_, claim.base_offset, {}, &Appended::first);
    claim.append_time = std::prev(later)->time;
  }
}

void LeaderRole::read_cold(const ReadBatches& wanted, ReadPlan plan) {
  Shard& shard = partition_.shard();
  shard.metrics().disk_read_queue.add(1);
  shard.disk_pool().submit(
      [&shard, self = partition_.shared_from_this(), wanted, plan = std::move(plan)]() mutable {
        auto read = std::make_shared<Result<StreamRead>>(read_for_stream(plan, ReadMode::blocking));
        shard.loop().post([&shard, self = std::move(self), wanted, read = std::move(read)] {
          shard.metrics().disk_read_queue.add(-1);
          LeaderRole* const role = self->leader();
          // A term has its own stream names: that of another one has not asked for this.
          if (role == nullptr || role->core_.leader_epoch() != wanted.name.leader_epoch) return;
          role->read_ended(wanted, std::move(*read));
          role->drain();
        });
      });
}

void LeaderRole::read_ended(const ReadBatches& wanted, Result<StreamRead> read) {
  const Instant now = steady_now();
  if (!read) {
    const bool is_gone = read.error() == make_error_code(Errc::offset_out_of_range);
    if (read.error() == make_error_code(Errc::corrupt_batch)) {
      partition_.shard().found_damage(partition_.key());
    }
    return core_.on_read_failed(now, wanted.name,
                                is_gone ? Errc::offset_out_of_range : Errc::kafka_storage_error);
  }
  StreamRead& got = read.value();
  const ByteView bytes = got.bytes->view();
  auto header = core_.on_read(now, wanted.name, got.next_offset, bytes.size());
  const LinkId link = link_of(wanted.name);
  if (!header || link == kNoLink) return;
  header->batches = std::move(got.claims);
  partition_.shard().replicas()->send(link, partition_.key(), LeaderMessage{std::move(*header)},
                                      MemoryPiece{std::move(got.bytes), bytes});
}

}  // namespace strandline
