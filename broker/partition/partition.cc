#include "broker/partition/partition.h"

#include <algorithm>
#include <utility>

#include "broker/logging/log.h"
#include "broker/partition/follower_role.h"
#include "broker/partition/leader_role.h"
#include "broker/partition/shard.h"
#include "protocol/base/assertion.h"
#include "storage/checkpoint/checkpoint.h"

namespace strandline {
namespace {

// A wait as long as a config may ask for ("for ever" is 2^63-1 ms) does not fit a clock.
Duration timer_delay(std::int64_t ms) {
  constexpr std::int64_t kYearMs = std::int64_t{365} * 86'400'000;
  return std::chrono::milliseconds{std::min(ms, kYearMs)};
}

}  // namespace

void Partition::append(MutableByteView batch, const BatchHeader& header, Appended appended) {
  if (!leads()) return appended(Errc::not_leader_or_follower);
  // With LogAppendTime the records carry it already, and the producer is told the same.
  const Timestamp append_time =
      header.timestamp_type() == TimestampType::log_append_time ? header.max_timestamp : wall_now();
  // Before all else: if that fails, this batch may follow on one that is not in the log.
  if (log_->must_roll(header, append_time)) {
    const Result<void> written = write_staged();
    if (!written) return appended(written.error());
  }
  // Before the sequence is looked at: what an offline log lacks is no gap of the producer's. Told
  // of one, librdkafka begins a new epoch and sends again what may be in the log already.
  if (log_->is_offline()) return appended(Errc::log_offline);
  const Result<ProducerCheck> check = log_->check_producer(header);
  if (!check) return appended(check.error());
  Staged staged{.append_time = append_time, .appended = std::move(appended)};
  if (check.value().duplicate) {
    shard_.metrics().produce_duplicates.add();
    staged.place = {check.value().base_offset, check.value().last_offset};
    staged.append_time = check.value().append_time;
  } else {
    const Result<AppendInfo> place = stage(batch, header, append_time);
    if (!place) return staged.appended(place.error());
    staged.place = place.value();
    staged.bytes = batch.size();
  }
  staged_.push_back(std::move(staged));
  plan_end_of_turn();
}

Result<AppendInfo> Partition::stage(MutableByteView batch, const BatchHeader& header,
                                    Timestamp append_time) {
  const std::size_t segments_before = log_->segment_count();
  const std::uint64_t dropped_before = log_->producers_dropped();
  const Result<AppendInfo> place = log_->stage_as_leader(batch, header, leader_epoch_, append_time);
  if (!place) {
    fail_append(place.error());
    return place.error();
  }
  shard_.metrics().segments_rolled.add(log_->segment_count() - segments_before);
  shard_.metrics().producers_forgotten.add(log_->producers_dropped() - dropped_before);
  return place;
}

void Partition::plan_end_of_turn() {
  if (end_of_turn_planned_) return;
  end_of_turn_planned_ = true;
  // All batches that arrived together share one write and one sync.
  shard_.loop().at_end_of_turn([self = shared_from_this()] {
    self->end_of_turn_planned_ = false;
    (void)self->write_staged();  // who waits has been told
    if (std::exchange(self->sync_planned_, false)) self->begin_sync();
  });
}

Result<void> Partition::write_staged() {
  if (staged_.empty()) return success();
  const std::vector<Staged> staged = std::exchange(staged_, {});
  const Instant began = steady_now();
  const Result<void> written = log_->write_staged();
  if (written) {
    shard_.metrics().append_stall.record(steady_now() - began);
    note_written(staged);
  } else {
    fail_append(written.error());
  }
  for (const Staged& batch : staged) {
    if (!written) {
      batch.appended(written.error());
    } else {
      batch.appended(PartitionAppend{.base_offset = batch.place.base_offset,
                                     .end_offset = batch.place.last_offset + 1,
                                     .append_time = batch.append_time,
                                     .log_start_offset = log_->log_start_offset()});
    }
  }
  return written;
}

void Partition::note_written(const std::vector<Staged>& written) {
  std::uint64_t batches = 0;
  std::uint64_t bytes = 0;
  std::int64_t records = 0;
  const Staged* first = nullptr;
  for (const Staged& batch : written) {
    if (batch.bytes == 0) continue;
    if (first == nullptr) first = &batch;
    ++batches;
    bytes += batch.bytes;
    records += batch.place.last_offset + 1 - batch.place.base_offset;
  }
  if (batches == 0) return;
  ShardMetrics& metrics = shard_.metrics();
  metrics.produce_batches.add(batches);
  metrics.produce_records.add(static_cast<std::uint64_t>(records));
  metrics.produce_bytes.add(bytes);
  metrics.unsynced_bytes.add(static_cast<std::int64_t>(bytes));
  appends_unsynced_ += batches;
  if (config_->flush_on_ack) {
    plan_sync();
  } else {
    // Nobody waits for the disk: it is synced as the topic says, or by the checkpointer.
    note_unsynced(records);
  }
  shard_.mark_dirty(*this, bytes);
  if (leader_ != nullptr) leader_->on_append(first->place.base_offset, first->append_time, bytes);
}

void Partition::fail_append(const ErrorCode& error) {
  log_limited(LogLevel::error, "partition", "append",
              log_->is_offline()
                  ? "append failed; the partition is offline until the broker is restarted"
                  : "append failed; its bytes were cut off and the partition goes on",
              {{"topic", topic_}, {"partition", key_.partition}, {"error", error.message()}});
  if (!log_->is_offline()) return;
  // Nothing of an offline log is synced any more: whoever waits for that would wait for ever.
  end_waits(make_error_code(Errc::kafka_storage_error));
  if (follower_ == nullptr) return;
  shard_.loop().post([self = shared_from_this()] { self->end_role(Waits::end); });
}

void Partition::when_committed(Offset end, Committed done) {
  if (is_offline()) return done(make_error_code(Errc::kafka_storage_error));
  if (leader_ == nullptr) return done(make_error_code(Errc::not_leader_or_follower));
  if (const auto answer = leader_->core().answer_for(end)) return done(make_error_code(*answer));
  // Nearly always the greatest so far; a duplicate may wait for an earlier one.
  auto at = ack_waiters_.end();
  while (at != ack_waiters_.begin() && std::prev(at)->end > end) --at;
  ack_waiters_.insert(at, {end, std::move(done), steady_now()});
  shard_.metrics().delayed_produces.add(1);
}

// --- syncing. One sync at a time; what is appended meanwhile joins the next.

void Partition::plan_sync() {
  if (sync_planned_ || sync_running_) return;
  sync_planned_ = true;
  plan_end_of_turn();
}

// flush.messages and flush.ms: when at the latest a sync begins that nobody waits for.
void Partition::note_unsynced(std::int64_t records) {
  records_unsynced_ += records;
  if (wants_flush()) return plan_sync();
  flush_in_time(config_->flush_ms);
}

bool Partition::wants_flush() const {
  return flush_is_late_ || config_->flush_ms == 0 || records_unsynced_ >= config_->flush_messages;
}

void Partition::flush_in_time(std::int64_t ms) {
  if (flush_timer_ || ms == kConfigUnlimited) return;
  flush_timer_ = shard_.loop().after(timer_delay(ms), [self = weak_from_this()] {
    if (const auto partition = self.lock()) partition->flush_is_due();
  });
}

void Partition::flush_is_due() {
  flush_timer_.reset();
  flush_is_late_ = true;
  start_sync();
}

void Partition::start_sync() {
  (void)write_staged();
  begin_sync();
}

void Partition::begin_sync() {
  if (sync_running_ || abandoned_ || is_cutting() || log_->is_offline()) return;
  std::optional<SyncJob> job = log_->begin_sync();
  if (!job) {
    if (follower_ != nullptr) follower_->on_synced();  // somebody was faster
    return;
  }
  sync_running_ = true;
  watch_for_stall();
  records_unsynced_ = 0;
  flush_is_late_ = false;
  if (flush_timer_) shard_.loop().cancel(*std::exchange(flush_timer_, std::nullopt));
  shard_.metrics().sync_group.record(std::exchange(appends_unsynced_, 0));
  shard_.metrics().sync_queue.add(1);
  const Instant started = steady_now();
  shard_.sync_pool().submit([self = shared_from_this(), job = std::move(*job), started]() mutable {
    const Result<void> result = strandline::run(job);
    Shard& shard = self->shard_;
    shard.loop().post([self = std::move(self), job = std::move(job), result, started]() mutable {
      self->after_sync(job, result, started);
    });
  });
}

void Partition::after_sync(const SyncJob& job, const Result<void>& result, Instant started) {
  sync_running_ = false;
  if (stall_timer_) shard_.loop().cancel(*std::exchange(stall_timer_, std::nullopt));
  ShardMetrics& metrics = shard_.metrics();
  metrics.sync_queue.add(-1);
  const Duration took = steady_now() - started;
  metrics.sync_time.record(took);
  if (took >= std::chrono::milliseconds{shard_.settings().disk_stall_ms}) {
    log_limited(LogLevel::warn, "disk", "stall", "a sync took longer than disk.stall.ms",
                {{"topic", topic_},
                 {"partition", key_.partition},
                 {"ms", std::chrono::duration_cast<std::chrono::milliseconds>(took).count()}});
  }
  metrics.unsynced_bytes.add(-static_cast<std::int64_t>(job.bytes));
  log_->finish_sync(job, result);
  // A deleted topic's directory goes while it is being synced; there is nothing left to promise.
  if (abandoned_) return;
  if (!result) {
    metrics.sync_failures.add();
    return fail_sync(result.error());
  }
  shard_.mark_dirty(*this);
  if (leader_ != nullptr) leader_->on_synced();
  if (follower_ != nullptr) {
    follower_->set_stalled(false);
    follower_->on_synced();
  }
  if (is_cutting()) return begin_cut();
  plan_next_sync();
  shard_.synced();
}

// A leader need not wait for a follower whose disk keeps it waiting; and another replica leads
// where it is the leader's.
void Partition::watch_for_stall() {
  const bool has_others = follower_ != nullptr || (leader_ != nullptr && leader_->has_followers());
  if (!has_others) return;
  stall_timer_ =
      shard_.loop().after(timer_delay(shard_.settings().disk_stall_ms), [self = weak_from_this()] {
        const auto partition = self.lock();
        if (partition == nullptr) return;
        partition->stall_timer_.reset();
        if (partition->follower_ != nullptr) return partition->follower_->set_stalled(true);
        // Again while it lasts: who can take over may be in sync only by and by.
        if (partition->leader_ == nullptr) return;
        partition->shard_.report_stall(partition->key_);
        partition->watch_for_stall();
      });
}

// What was appended while the last one ran: at once where somebody waits for it, else as the topic
// says.
void Partition::plan_next_sync() {
  if (log_->flushed_end() == log_->log_end_offset()) return;
  if (config_->flush_on_ack || wants_flush()) return plan_sync();
  flush_in_time(config_->flush_ms);
}

// What is on the disk is not known any more, and asking again would get a lie: nobody who waits is
// answered with success, and the process leaves to recover by reading the disk.
void Partition::fail_sync(const ErrorCode& error) {
  log_line(LogLevel::error, "partition", "sync failed; the broker stops to recover from the disk",
           {{"topic", topic_}, {"partition", key_.partition}, {"error", error.message()}});
  abandon(make_error_code(Errc::kafka_storage_error));
  shard_.fail_disk();
}

void Partition::advance_high_watermark(Offset high_watermark) {
  if (high_watermark <= log_->high_watermark()) return;
  log_->set_high_watermark(high_watermark);
  while (!ack_waiters_.empty() && ack_waiters_.front().end <= high_watermark) {
    const Committed done = std::move(ack_waiters_.front().done);
    ack_waiters_.pop_front();
    shard_.metrics().delayed_produces.add(-1);
    done({});
  }
  wake_watches();
}

// --- waiting readers

void Partition::watch(const FetchWatch& watch) {
  if (std::find(watches_.begin(), watches_.end(), watch) == watches_.end()) {
    watches_.push_back(watch);
  }
}

void Partition::unwatch(const FetchWatch& watch) { std::erase(watches_, watch); }

void Partition::wake_watches() {
  if (watches_.empty()) return;
  const std::vector<FetchWatch> watches = std::exchange(watches_, {});
  for (const FetchWatch& watch : watches) {
    Shard& home = shard_.peer(watch.home_shard);
    if (&home == &shard_) {
      home.waiting_fetches().wake(watch.fetch);
    } else {
      home.loop().post([&home, fetch = watch.fetch] { home.waiting_fetches().wake(fetch); });
    }
  }
}

void Partition::end_waits(const ErrorCode& error) {
  refuse_waiting(error);
  wake_watches();
}

void Partition::refuse_waiting(const ErrorCode& error) {
  std::deque<AckWaiter> waiters = std::exchange(ack_waiters_, {});
  shard_.metrics().delayed_produces.add(-static_cast<std::int64_t>(waiters.size()));
  for (AckWaiter& waiter : waiters) waiter.done(error);
}

// --- reading: from memory when it is there, by a disk thread when not

void Partition::read(Offset from, const ReadLimits& limits, ReadDone done) {
  PartitionRead read{.bounds = bounds()};
  if (is_cutting()) {
    read.error = Errc::not_leader_or_follower;
    return done(std::move(read));
  }
  if (from < read.bounds.log_start_offset || from > read.bounds.log_end_offset) {
    read.error = Errc::offset_out_of_range;
    return done(std::move(read));
  }
  const Offset end =
      limits.read_committed ? read.bounds.last_stable_offset : read.bounds.high_watermark;
  const bool wants_any = limits.at_least_one || limits.bytes_max > 0;
  if (from >= end || !wants_any) return done(std::move(read));
  const ReadPlan plan = log_->plan_read(from, end, limits.bytes_max, limits.at_least_one);
  auto result = execute(plan, ReadMode::nowait);
  if (!result && result.error() == make_error_code(Errc::would_block)) {
    return read_cold(plan, std::move(done), std::move(read));
  }
  if (!result) note_damage(result.error());
  finish_read(std::move(result), read);
  done(std::move(read));
}

void Partition::note_damage(const ErrorCode& error) {
  if (error == make_error_code(Errc::corrupt_batch)) shard_.found_damage(key_);
}

void Partition::give_up_if_stuck(Instant since) {
  const auto has_waited = [&](const AckWaiter& waiter) { return waiter.since <= since; };
  if (leader_ == nullptr || std::ranges::none_of(ack_waiters_, has_waited)) return;
  is_stuck_ = true;
  // They are appended, and may be committed: whoever hears "not the leader" takes them for refused.
  end_waits(make_error_code(Errc::not_enough_replicas_after_append));
}

void Partition::read_cold(ReadPlan plan, ReadDone done, PartitionRead so_far) {
  shard_.metrics().disk_read_queue.add(1);
  shard_.disk_pool().submit([self = shared_from_this(), plan = std::move(plan),
                             done = std::move(done), so_far = std::move(so_far)]() mutable {
    auto result = execute(plan, ReadMode::blocking);
    Shard& shard = self->shard_;
    shard.loop().post([self = std::move(self), result = std::move(result), done = std::move(done),
                       so_far = std::move(so_far)]() mutable {
      self->shard_.metrics().disk_read_queue.add(-1);
      if (!result) self->note_damage(result.error());
      finish_read(std::move(result), so_far);
      self->shard_.metrics().fetch_checked_bytes.add(so_far.bytes);
      done(std::move(so_far));
    });
  });
}

void Partition::finish_read(Result<ReadResult> result, PartitionRead& read) {
  if (!result) {
    read.error = result.error();
    return;
  }
  for (FileSlice& slice : result.value().slices) {
    auto lease = slice.file->lease();
    if (!lease) {
      read.error = lease.error();
      return;
    }
    read.slices.push_back({std::move(lease).value(), slice.position, slice.length});
    read.bytes += slice.length;
  }
}

// --- look-ups that may have to read much, so never on the shard's thread

void Partition::find_timestamp(Timestamp time, Offset end, TimeFound found) {
  shard_.metrics().disk_read_queue.add(1);
  shard_.disk_pool().submit([self = shared_from_this(), plan = log_->plan_time_search(time, end),
                             found = std::move(found)]() mutable {
    Result<TimestampOffset> result = find_by_time(plan);
    Shard& shard = self->shard_;
    shard.loop().post([self = std::move(self), result, found = std::move(found)] {
      self->shard_.metrics().disk_read_queue.add(-1);
      if (!result) self->note_damage(result.error());
      found(result);
    });
  });
}

void Partition::find_max_timestamp(Offset end, TimeFound found) {
  find_timestamp(kNoTimestamp, end, std::move(found));
}

void Partition::delete_records(Offset offset, const LogStartMoved& moved) {
  const Offset high_watermark = log_->high_watermark();
  if (offset == kNoOffset) offset = high_watermark;
  if (offset < Offset{0} || offset > high_watermark) {
    return moved(make_error_code(Errc::offset_out_of_range));
  }
  log_->delete_records(offset);
  shard_.mark_dirty(*this);
  drop_given_up();
  if (leader_ != nullptr) leader_->on_log_start();
  // Answered when the checkpoint knows: what was deleted must not come back after a crash.
  shard_.when_checkpointed([moved, log_start = log_->log_start_offset()] { moved(log_start); });
}

// --- upkeep

void Partition::set_config(std::shared_ptr<const TopicConfig> config) {
  config_ = std::move(config);
  if (follower_ != nullptr) follower_->set_config(*config_);
  // A disk thread that cuts the log reads its config: it is given when the cut is made.
  if (is_cutting()) return;
  log_->set_config(log_config(*config_, shard_.settings()));
  if (leader_ != nullptr) leader_->set_config(*config_);
  if (flush_timer_) shard_.loop().cancel(*std::exchange(flush_timer_, std::nullopt));
  plan_next_sync();
}

void Partition::apply_retention(Timestamp now) {
  if (is_cutting()) return;
  // Where segments end and what is deleted is for the leader to say.
  if (leader_ == nullptr) return log_->forget_idle_producers(now);
  const PartitionLog::Retention done = log_->apply_retention(now);
  if (done.error) {
    log_line(LogLevel::error, "partition", "retention is not complete; it is tried again later",
             {{"topic", topic_}, {"partition", key_.partition}, {"error", done.error.message()}});
  }
  ShardMetrics& metrics = shard_.metrics();
  metrics.segments_deleted.add(done.segments);
  metrics.retention_bytes.add(done.bytes);
  drop_given_up();
  if (leader_ != nullptr) leader_->on_log_start();
}

void Partition::drop_given_up() {
  if (log_->has_given_up()) {
    shard_.mark_dirty(*this);
    shard_.when_checkpointed([self = shared_from_this()] { self->drop_what_is_checkpointed(); });
  }
  remove_dropped_files();
}

void Partition::drop_what_is_checkpointed() {
  if (abandoned_ || is_cutting()) return;  // a cut that is made comes back here
  Offset log_start = log_->log_start_offset();
  if (const Checkpoint* const checkpoint = shard_.checkpoint()) {
    const auto known = checkpoint->find(key_);
    if (!known) return;
    log_start = std::min(log_start, known->log_start);
  }
  const Result<void> dropped = log_->drop_given_up(log_start);
  if (!dropped) {
    log_limited(
        LogLevel::error, "partition", "drop",
        "cannot drop segments that retention gave up; it is tried again later",
        {{"topic", topic_}, {"partition", key_.partition}, {"error", dropped.error().message()}});
  }
  remove_dropped_files();
}

// After file.delete.delay.ms, as long as readers on other brokers and tools may still hold them.
void Partition::remove_dropped_files() {
  std::vector<std::string> files = log_->take_dropped_files();
  if (files.empty()) return;
  shard_.loop().after(timer_delay(config_->file_delete_delay_ms),
                      [&shard = shard_, files = std::move(files)]() mutable {
                        shard.remove_files(std::move(files));
                      });
}

LogConfig log_config(const TopicConfig& config, const Settings& settings) {
  return {.segment_bytes = config.segment_bytes,
          .segment_ms = config.segment_ms,
          .segment_jitter_ms = config.segment_jitter_ms,
          .index_interval_bytes = config.index_interval_bytes,
          .segment_index_bytes = config.segment_index_bytes,
          .preallocate = config.preallocate,
          .retention_bytes = config.retention_bytes,
          .retention_ms = config.retention_ms,
          .delete_old = config.cleanup_delete,
          .producers_max = static_cast<std::size_t>(settings.producer_ids_max),
          .producer_idle_ms_max = settings.producer_id_expiration_ms};
}

}  // namespace strandline
