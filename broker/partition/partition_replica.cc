// A partition's role: how it changes, what other brokers say to it, and how its log is cut.
#include <algorithm>
#include <utility>

#include "broker/logging/log.h"
#include "broker/partition/follower_role.h"
#include "broker/partition/leader_role.h"
#include "broker/partition/log_cut.h"
#include "broker/partition/partition.h"
#include "broker/partition/partition_directory.h"
#include "broker/partition/replica_services.h"
#include "broker/partition/shard.h"
#include "protocol/base/assertion.h"

namespace strandline {
namespace {

// When the disk had no room for it.
constexpr Duration kCutAgain = std::chrono::seconds{1};

}  // namespace

// A cut of the log, from the moment it is ordered.
struct Partition::Cutting {
  LogCut cut;
  PartitionBounds bounds;  // of the log before
  PartitionSizes sizes;
  bool has_begun = false;
  std::optional<PartitionView> next_view;
  std::vector<Task> after;
};

Partition::Partition(Shard& shard, std::string topic, PartitionKey key,
                     std::shared_ptr<const TopicConfig> config, std::unique_ptr<PartitionLog> log)
    : shard_(shard),
      topic_(std::move(topic)),
      key_(key),
      config_(std::move(config)),
      log_(std::move(log)),
      last_stream_(shard.last_stream()) {}

Partition::~Partition() = default;

PartitionBounds Partition::bounds() const {
  if (cut_ != nullptr) return cut_->bounds;
  return {log_->log_start_offset(), log_->high_watermark(), log_->last_stable_offset(),
          log_->log_end_offset()};
}

PartitionSizes Partition::sizes() const {
  if (cut_ != nullptr) return cut_->sizes;
  return {log_->flushed_end(), log_->size_bytes(), log_->segment_count()};
}

PartitionLog& Partition::log() {
  STRANDLINE_ASSERT(cut_ == nullptr || !cut_->has_begun);
  return *log_;
}

// --- the role

void Partition::set_view(const PartitionView& view) {
  if (abandoned_ || view.isr.partition_epoch.value() < partition_epoch_) return;
  if (is_cutting()) {
    cut_->next_view = view;
    return;
  }
  partition_epoch_ = view.isr.partition_epoch.value();
  const bool is_same = view.leader == leader_id_ && view.leader_epoch == leader_epoch_ &&
                       view.incarnation.value() == incarnation_;
  if (!is_same) return take_role(view);
  if (leader_ != nullptr) return leader_->on_view(view);
  const bool is_in_sync =
      std::ranges::find(view.isr.members, shard_.broker_id()) != view.isr.members.end();
  if (follower_ == nullptr) return;
  if (is_in_sync) caught_up();
  follower_->on_view(is_in_sync);
}

void Partition::caught_up() {
  if (!std::exchange(needs_catch_up_, false)) return;
  shard_.disk_pool().submit([self = shared_from_this()] {
    Disk& disk = self->shard_.disk();
    const Result<void> done = has_all_records_again(disk, self->log_->directory());
    if (!done) {
      log_line(LogLevel::warn, "replica",
               "a replica that has all its records again will be taken for one that has not",
               {{"topic", self->topic_},
                {"partition", self->key_.partition},
                {"error", done.error().message()}});
    }
    self->shard_.loop().post([self] {});
  });
}

void Partition::take_role(const PartitionView& view) {
  is_stuck_ = false;
  const bool may_act = view.incarnation != kNoIncarnation && view.leader != kNoBroker;
  // What it has appended stays, so who waits may go on to wait.
  const bool goes_on = leads() && may_act && view.leader == shard_.broker_id();
  end_role(goes_on ? Waits::stay : Waits::end);
  leader_id_ = view.leader;
  leader_epoch_ = view.leader_epoch;
  incarnation_ = view.incarnation.value();
  const ErrorCode no_role = make_error_code(Errc::not_leader_or_follower);
  if (!may_act || log_->is_offline()) return end_waits(no_role);
  if (log_->epochs().latest() > view.leader_epoch) {
    // The cluster knew of each leader before it wrote, so this is damage that no CRC covers; or the
    // cluster has lost metadata. Others that have the records go on without this log, which is
    // kept.
    log_line(LogLevel::error, "replica",
             "the log holds a later leader's records than the cluster knows of; it is not used",
             {{"topic", topic_},
              {"partition", key_.partition},
              {"leader_epoch", view.leader_epoch},
              {"epoch_in_log", log_->epochs().latest()}});
    shard_.found_damage(key_);
    return end_waits(no_role);
  }
  if (view.leader == shard_.broker_id()) {
    caught_up();
    log_->on_new_leader_epoch(view.leader_epoch);
    leader_ = std::make_unique<LeaderRole>(*this, view);
    leader_->begin();
    if (may_append(true) != Errc::ok) {
      refuse_waiting(make_error_code(Errc::not_enough_replicas_after_append));
    }
    plan_next_sync();
    if (shard_.replicas() != nullptr) shard_.replicas()->leads(key_);
  } else {
    follower_ = std::make_unique<FollowerRole>(*this, view, last_stream_, needs_catch_up_);
    follower_->begin();
  }
  wake_watches();
}

// Whoever waits is appended, and may be committed by the next leader: only the same batch may be
// sent again, and "not the leader" is taken for a refusal.
void Partition::end_role(Waits waits) {
  if (leader_ != nullptr) {
    (void)write_staged();
    leader_.reset();
    if (waits == Waits::end) end_waits(make_error_code(Errc::not_enough_replicas_after_append));
  }
  if (follower_ != nullptr) {
    last_stream_ = follower_->core().last_stream();
    shard_.note_stream(last_stream_);
    follower_.reset();
    wake_watches();
  }
  incarnation_ = -1;
}

void Partition::drop_role() {
  leader_.reset();
  follower_.reset();
}

Errc Partition::may_append(bool acks_all) const {
  if (leader_ == nullptr || (is_stuck_ && !shard_.in_touch())) return Errc::not_leader_or_follower;
  return acks_all ? leader_->core().may_append() : Errc::ok;
}

bool Partition::may_serve_readers() const {
  return leader_ == nullptr || leader_->core().may_serve_readers();
}

// --- other brokers

void Partition::on_follower_message(LinkId link, const FollowerMessage& message) {
  if (leader_ != nullptr) leader_->on_message(link, message);
}

void Partition::on_leader_message(LinkId link, const LeaderMessage& message, ByteView bytes) {
  if (follower_ != nullptr) follower_->on_message(link, message, bytes);
}

void Partition::on_link_up(LinkId link) {
  if (follower_ != nullptr) follower_->on_link_up(link);
}

void Partition::on_link_down(LinkId link) {
  if (leader_ != nullptr) leader_->on_link_down(link);
  if (follower_ != nullptr) follower_->on_link_down(link);
}

void Partition::on_link_room(LinkId link) {
  if (leader_ != nullptr) leader_->on_link_room(link);
}

// --- following

void Partition::note_replicated(std::int64_t records, std::uint64_t bytes, std::uint64_t batches) {
  shard_.metrics().unsynced_bytes.add(static_cast<std::int64_t>(bytes));
  appends_unsynced_ += batches;
  records_unsynced_ += records;
  shard_.mark_dirty(*this, bytes);
}

// Nobody waits for a sync where flush.on.ack=false; but as long as one is missing, the leader asks.
void Partition::sync_for_leader() {
  constexpr std::int64_t kIdleFlushMs = 30'000;
  if (config_->flush_on_ack || wants_flush()) return plan_sync();
  flush_in_time(std::min(config_->flush_ms, kIdleFlushMs));
}

void Partition::follow_log_start(Offset log_start_offset) {
  log_->delete_records(log_start_offset);
  shard_.mark_dirty(*this);
  drop_given_up();
}

// --- cutting the log: ordered -> quiet (no sync, no round of the checkpointer) -> on a disk
// thread -> made

void Partition::cut_log(const LogCut& cut) {
  STRANDLINE_ASSERT(!is_cutting());
  (void)write_staged();
  auto cutting = std::make_unique<Cutting>();
  cutting->cut = cut;
  cutting->bounds = bounds();
  cutting->sizes = sizes();
  cut_ = std::move(cutting);
  // Not inside the call: who orders it is still at work.
  shard_.loop().post([self = shared_from_this()] { self->begin_cut(); });
}

void Partition::begin_cut() {
  if (abandoned_ || sync_running_ || cut_ == nullptr || cut_->has_begun) return;
  // A snapshot of producers that was taken before must not be written after.
  shard_.after_checkpoint_round([self = shared_from_this()] { self->run_cut(); });
}

void Partition::run_cut() {
  if (abandoned_ || sync_running_ || cut_ == nullptr || cut_->has_begun) return;
  cut_->has_begun = true;
  shard_.disk_pool().submit([self = shared_from_this(), cut = cut_->cut] {
    PartitionLog& log = *self->log_;
    const std::uint64_t unsynced_before = log.unsynced_bytes();
    const Result<void> result =
        cut_durably(log, self->shard_.checkpoint(), self->key_, cut.end, cut.restarts);
    self->shard_.loop().post(
        [self, result, unsynced_before] { self->cut_is_made(result, unsynced_before); });
  });
}

void Partition::cut_is_made(const Result<void>& result, std::uint64_t unsynced_before) {
  std::unique_ptr<Cutting> cut = std::move(cut_);
  ++cuts_;
  for (Task& task : std::exchange(cut->after, {})) task();
  const std::uint64_t unsynced = log_->unsynced_bytes();
  if (abandoned_) {
    shard_.metrics().unsynced_bytes.add(-static_cast<std::int64_t>(unsynced_before));
    return;
  }
  shard_.metrics().unsynced_bytes.add(static_cast<std::int64_t>(unsynced) -
                                      static_cast<std::int64_t>(unsynced_before));
  log_->set_config(log_config(*config_, shard_.settings()));
  shard_.mark_dirty(*this);
  if (!result) {
    const bool is_of_room = is_out_of_room(result.error());
    if (is_of_room && !log_->is_offline()) {
      // It was the checkpoint, before or behind the cut: both can be done again.
      log_limited(LogLevel::warn, "replica", "cut-without-room",
                  "no room for the checkpoint of a log that is to be cut; it is tried again",
                  {{"topic", topic_}, {"partition", key_.partition}});
      cut->has_begun = false;
      cut_ = std::move(cut);
      shard_.loop().after(kCutAgain, [self = shared_from_this()] { self->begin_cut(); });
      return;
    }
    log_line(
        LogLevel::error, "replica",
        is_of_room
            ? "no room to cut the log; make room and restart the broker, the partition is offline"
            : "the log cannot be cut; the broker stops to recover from the disk",
        {{"topic", topic_}, {"partition", key_.partition}, {"error", result.error().message()}});
    // As after a sync that failed: what the log has become is known after a restart.
    if (!is_of_room) shard_.fail_disk();
    return end_role(Waits::end);
  }
  drop_given_up();
  if (follower_ != nullptr) follower_->on_cut();
  if (follower_ != nullptr) start_sync();
  if (cut->next_view) set_view(*cut->next_view);
}

void Partition::after_cut(Task task) {
  const bool is_under_way = cut_ != nullptr && cut_->has_begun;
  if (!is_under_way) return task();
  cut_->after.push_back(std::move(task));
}

void Partition::abandon(const ErrorCode& error) {
  const bool is_ours = cut_ == nullptr || !cut_->has_begun;
  if (is_ours) (void)write_staged();
  // No sync will take them off the count any more.
  if (!abandoned_ && is_ours) {
    shard_.metrics().unsynced_bytes.add(-static_cast<std::int64_t>(log_->unsynced_bytes()));
  }
  abandoned_ = true;
  end_waits(error);
  end_role(Waits::end);
}

}  // namespace strandline
