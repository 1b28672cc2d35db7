#include "broker/partition/checkpointer.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "broker/logging/log.h"
#include "broker/partition/partition_directory.h"
#include "broker/partition/partition_manager.h"
#include "broker/runtime/machine.h"
#include "storage/producer/snapshot.h"

namespace strandline {
namespace {

// Index rows are made again from the log after a crash: writing them each second bounds that work.
constexpr Duration kIndexInterval = std::chrono::seconds{1};

constexpr std::int64_t kUnsyncedMaxLeast = std::int64_t{256} << 20;

}  // namespace

// One round on its way through a disk thread.
struct Checkpointer::Round {
  struct Snapshot {
    std::shared_ptr<Partition> partition;
    ProducerSnapshot state;
    Offset before;  // of the newest snapshot until now
    bool written = false;
  };
  std::vector<std::shared_ptr<Partition>> partitions;
  std::vector<Snapshot> snapshots;
  Result<void> result = success();
  std::vector<Task> waiting;  // for what this round writes
  std::function<void()> done;
};

Checkpointer::Checkpointer(Shard& shard, Checkpoint& checkpoint, Disk& disk)
    : shard_(shard),
      checkpoint_(checkpoint),
      disk_(disk),
      unsynced_max_(std::max(kUnsyncedMaxLeast, machine_memory_bytes() / 10)) {}

void Checkpointer::start() {
  shard_.when_checkpoint_is_due([this] { round_if_dirty(); });
  shard_.loop().after(std::chrono::milliseconds{shard_.settings().checkpoint_interval_ms},
                      [this] { tick(); });
  shard_.loop().after(std::chrono::milliseconds{shard_.settings().log_retention_check_interval_ms},
                      [this] { retention_tick(); });
}

void Checkpointer::tick() {
  if (stopping_) return;
  round_if_dirty();
  shard_.loop().after(std::chrono::milliseconds{shard_.settings().checkpoint_interval_ms},
                      [this] { tick(); });
}

void Checkpointer::round_if_dirty() {
  if (stopping_ || running_) return;
  std::vector<std::shared_ptr<Partition>> dirty = shard_.take_dirty();
  bound_unsynced();
  if (!dirty.empty()) begin_round(std::move(dirty), {});
}

// Topics with flush.on.ack=false are synced here: each time the bound on unsynced bytes is half
// used, which leaves the other half for what arrives meanwhile.
void Checkpointer::bound_unsynced() {
  std::int64_t unsynced = 0;
  for (ShardIndex i = 0; i < shard_.peer_count(); ++i) {
    unsynced += shard_.peer(i).metrics().unsynced_bytes.value();
  }
  const std::int64_t given = shard_.settings().disk_dirty_max_bytes;
  if (unsynced < (given > 0 ? given : unsynced_max_) / 2) return;
  // Of all partitions: one that rests has been in an earlier round, and its bytes are still there.
  for (const auto& [key, partition] : shard_.partitions().all()) {
    if (partition->is_cutting()) continue;
    if (partition->log().unsynced_bytes() > 0) partition->start_sync();
  }
}

void Checkpointer::retention_tick() {
  if (stopping_) return;
  const Timestamp now = wall_now();
  for (const auto& [key, partition] : shard_.partitions().all()) partition->apply_retention(now);
  shard_.loop().after(std::chrono::milliseconds{shard_.settings().log_retention_check_interval_ms},
                      [this] { retention_tick(); });
}

void Checkpointer::begin_round(std::vector<std::shared_ptr<Partition>> partitions,
                               std::function<void()> done) {
  running_ = true;
  shard_.checkpoint_round_begins();
  auto round = std::make_shared<Round>();
  round->partitions = std::move(partitions);
  round->done = std::move(done);
  round->waiting = shard_.take_after_checkpoint();
  const Instant now = steady_now();
  const bool write_indexes = now - last_index_write_ >= kIndexInterval || stopping_;
  if (write_indexes) last_index_write_ = now;
  for (const auto& partition : round->partitions) {
    if (partition->is_cutting()) {
      shard_.mark_dirty(*partition);  // when it is made, the round that comes next tells of it
      continue;
    }
    PartitionLog& log = partition->log();
    (void)partition->write_staged();  // a snapshot tells of nothing that may yet fail
    if (log.is_offline()) continue;
    digest_sealed(partition);
    checkpoint_.put(partition->key(), log.checkpoint());
    if (log.wants_producer_snapshot() || stopping_) {
      round->snapshots.push_back(
          {partition, log.producer_snapshot(), log.checkpoint().producer_state_offset});
    }
    if (!write_indexes) {
      shard_.mark_dirty(*partition);  // its rows are written by a later round
      continue;
    }
    const Result<void> written = log.write_indexes();
    if (!written) {
      log_limited(LogLevel::warn, "partition", "indexes", "cannot write index files",
                  {{"topic", partition->topic()},
                   {"partition", partition->key().partition},
                   {"error", written.error().message()}});
    }
  }
  shard_.disk_pool().submit([this, round] {
    run_round(*round);
    shard_.loop().post([this, round] { ended(round); });
  });
}

// Only of segments that a sync has made safe before: the digest's own sync has then nothing left to
// fail on, and cannot take an error away from the sync that somebody's acknowledgement waits for.
void Checkpointer::digest_sealed(const std::shared_ptr<Partition>& partition) {
  for (SealJob& job : partition->log().take_seal_jobs()) {
    sealed_.push_back({partition, std::move(job), partition->cuts()});
  }
  std::erase_if(sealed_, [&](Sealed& sealed) {
    // Of what was cut since there may be no more than a name.
    if (sealed.partition->is_cutting() || sealed.partition->cuts() != sealed.cuts) return true;
    const PartitionLog& log = sealed.partition->log();
    if (log.is_offline()) return true;
    if (log.flushed_end() < sealed.job.end_offset) return false;
    shard_.idle_pool().submit([this, job = std::move(sealed.job),
                               partition = std::weak_ptr{sealed.partition}, cuts = sealed.cuts] {
      const Result<void> done = strandline::run(job);
      if (done) return;
      if (done.error() == make_error_code(Errc::corrupt_batch)) {
        shard_.loop().post([this, partition, cuts] { found_damage(partition.lock(), cuts); });
      }
      log_limited(LogLevel::warn, "partition", "digest", "no digest was made of a sealed segment",
                  {{"file", job.segment->path(kLogSuffix)}, {"error", done.error().message()}});
    });
    return true;
  });
}

// What a cut has changed meanwhile is no damage.
void Checkpointer::found_damage(const std::shared_ptr<Partition>& partition, std::uint64_t cuts) {
  const bool is_as_it_was =
      partition != nullptr && !partition->is_cutting() && partition->cuts() == cuts;
  if (is_as_it_was) shard_.found_damage(partition->key());
}

void Checkpointer::run_round(Round& round) {
  for (Round::Snapshot& snapshot : round.snapshots) {
    const std::string directory =
        partition_directory(snapshot.partition->topic(), snapshot.partition->key().partition);
    snapshot.written =
        write_producer_snapshot(disk_, directory, snapshot.state,
                                stopping_ ? Replacement::durable : Replacement::eventually)
            .has_value();
    if (!snapshot.written) continue;
    // The one before stays: a torn newest one is made up for by replaying from it.
    const Result<void> removed =
        remove_producer_snapshots(disk_, directory, Offset{0}, snapshot.before);
    if (!removed) {
      log_limited(LogLevel::warn, "partition", "snapshots", "cannot remove old producer snapshots",
                  {{"directory", directory}, {"error", removed.error().message()}});
    }
  }
  round.result = checkpoint_.write();
}

void Checkpointer::ended(const std::shared_ptr<Round>& round) {
  running_ = false;
  for (Round::Snapshot& snapshot : round->snapshots) {
    if (snapshot.written) {
      snapshot.partition->log().producer_snapshot_written(snapshot.state.next_offset);
    }
  }
  const bool waits_for_room = !round->result && is_out_of_room(round->result.error());
  if (waits_for_room) {
    log_limited(LogLevel::warn, "checkpoint", "room",
                "no room for the checkpoint: it is tried again, a restart would scan more",
                {{"error", round->result.error().message()}});
    for (const auto& partition : round->partitions) shard_.mark_dirty(*partition);
    for (Task& task : std::exchange(round->waiting, {})) shard_.when_checkpointed(std::move(task));
  } else if (!round->result) {
    log_line(LogLevel::error, "checkpoint", "the checkpoint could not be written; the broker stops",
             {{"error", round->result.error().message()}});
    round->waiting.clear();  // what they wait for does not come
    shard_.fail_disk();
  }
  shard_.checkpoint_round_ends();
  for (Task& task : round->waiting) task();
  if (round->done) round->done();
}

void Checkpointer::finish(std::function<void()> done) {
  stopping_ = true;
  if (running_) {
    shard_.loop().after(std::chrono::milliseconds{1},
                        [this, done = std::move(done)]() mutable { finish(std::move(done)); });
    return;
  }
  std::vector<std::shared_ptr<Partition>> all;
  bool unsynced = false;
  for (const auto& [key, partition] : shard_.partitions().all()) {
    if (partition->is_cutting()) {
      unsynced = true;
      continue;
    }
    (void)partition->write_staged();
    if (partition->log().is_offline()) continue;
    if (partition->log().flushed_end() < partition->log().log_end_offset()) {
      partition->start_sync();
      unsynced = true;
    }
    all.push_back(partition);
  }
  if (unsynced) {
    shard_.loop().after(std::chrono::milliseconds{1},
                        [this, done = std::move(done)]() mutable { finish(std::move(done)); });
    return;
  }
  begin_round(std::move(all), std::move(done));
}

}  // namespace strandline
