#include "broker/partition/checkpointer.h"

#include <optional>
#include <string>
#include <utility>

#include "broker/logging/log.h"
#include "broker/partition/partition_manager.h"
#include "storage/producer/snapshot.h"

namespace strandline {
namespace {

// Index rows are made again from the log after a crash: writing them each second bounds that work.
constexpr Duration kIndexInterval = std::chrono::seconds{1};
// A partition that nobody syncs for is synced when this much waits.
constexpr std::uint64_t kBackgroundSyncBytes = std::uint64_t{32} << 20;

}  // namespace

// One round on its way through a disk thread.
struct Checkpointer::Round {
  struct Snapshot {
    std::shared_ptr<Partition> partition;
    ProducerSnapshot state;
    bool written = false;
  };
  std::vector<std::shared_ptr<Partition>> partitions;
  std::vector<Snapshot> snapshots;
  Result<void> result = success();
  std::function<void()> done;
};

Checkpointer::Checkpointer(Shard& shard, Checkpoint& checkpoint, Disk& disk)
    : shard_(shard), checkpoint_(checkpoint), disk_(disk) {}

void Checkpointer::start() {
  shard_.loop().after(std::chrono::milliseconds{shard_.settings().checkpoint_interval_ms},
                      [this] { tick(); });
  shard_.loop().after(std::chrono::milliseconds{shard_.settings().log_retention_check_interval_ms},
                      [this] { retention_tick(); });
}

void Checkpointer::tick() {
  if (stopping_) return;
  if (!running_) {
    std::vector<std::shared_ptr<Partition>> dirty = shard_.take_dirty();
    for (const auto& partition : dirty) {
      if (!partition->config().flush_on_ack &&
          partition->log().unsynced_bytes() >= kBackgroundSyncBytes) {
        partition->start_sync();
      }
    }
    if (!dirty.empty()) begin_round(std::move(dirty), {});
  }
  shard_.loop().after(std::chrono::milliseconds{shard_.settings().checkpoint_interval_ms},
                      [this] { tick(); });
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
  auto round = std::make_shared<Round>();
  round->partitions = std::move(partitions);
  round->done = std::move(done);
  const Instant now = steady_now();
  const bool write_indexes = now - last_index_write_ >= kIndexInterval || stopping_;
  if (write_indexes) last_index_write_ = now;
  for (const auto& partition : round->partitions) {
    PartitionLog& log = partition->log();
    if (log.is_offline()) continue;
    checkpoint_.put(partition->key(), log.checkpoint());
    if (log.wants_producer_snapshot() || stopping_) {
      round->snapshots.push_back({partition, log.producer_snapshot()});
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

void Checkpointer::run_round(Round& round) {
  for (Round::Snapshot& snapshot : round.snapshots) {
    const std::string directory =
        partition_directory(snapshot.partition->topic(), snapshot.partition->key().partition);
    snapshot.written =
        write_producer_snapshot(disk_, directory, snapshot.state,
                                stopping_ ? Replacement::durable : Replacement::eventually)
            .has_value();
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
  if (!round->result) {
    log_line(LogLevel::error, "checkpoint", "the checkpoint could not be written; the broker stops",
             {{"error", round->result.error().message()}});
    shard_.fail_disk();
  }
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
