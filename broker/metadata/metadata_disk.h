// The disk of one quorum member, as its event loop sees it: jobs are carried out in order on a
// thread that may wait, appends that queued up meanwhile share one sync, and what came of them is
// told on the loop.
//
// Out of room, jobs wait and are tried again until there is room; any other failure is final, as
// what is on the disk is then not known.
//
// Thread   the loop; jobs run on the one thread of `worker`
// Owns     the log
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "broker/metadata/metadata_log.h"
#include "broker/runtime/shard_loop.h"
#include "broker/runtime/worker_pool.h"

namespace strandline {

// A snapshot of `image`, which holds all records below `end`, is to be written.
struct WriteSnapshot {
  std::shared_ptr<const MetadataImage> image;
  LogEnd end;
};

// A received snapshot takes the place of the log.
struct PutSnapshotInPlace {
  LogEnd end;
  std::vector<std::byte> bytes;
};

using MetadataJob =
    std::variant<PersistVote, CutTail, AppendLog, LoadSnapshot, WriteSnapshot, PutSnapshotInPlace>;

class MetadataDisk {
 public:
  struct Hooks {
    std::function<void(const QuorumVote&)> on_vote_persisted;
    std::function<void(Offset flushed_end)> on_synced;
    // None: there is no snapshot, or it could not be read.
    std::function<void(std::optional<MetadataLog::LoadedSnapshot>)> on_snapshot_loaded;
    // written   false: it is given up for now
    std::function<void(const LogEnd& end, bool written)> on_snapshot_written;
    std::function<void(const LogEnd& end, std::vector<MetadataRecord> records)>
        on_snapshot_installed;
    std::function<void(const LogEnd& end)> on_snapshot_unusable;
    // Nothing goes on from here.
    std::function<void(const ErrorCode& error)> on_failed;
  };

  // loop, worker   outlive it; worker has one thread, and no one else's jobs take long there
  MetadataDisk(ShardLoop& loop, WorkerPool& worker, Disk& disk, std::unique_ptr<MetadataLog> log,
               Hooks hooks);
  ~MetadataDisk();

  void submit(MetadataJob job);

  // The log has grown by enough for a snapshot since the last one.
  bool wants_snapshot() const { return wants_snapshot_; }
  bool is_out_of_room() const { return out_of_room_; }

 private:
  struct Round;

  // A task that does nothing once this is gone.
  template <class Work>
  auto while_alive(Work work) {
    return [alive = std::weak_ptr{alive_}, work = std::move(work)]() mutable {
      if (!alive.expired()) work();
    };
  }
  void begin_round();
  void finish_round(Round& round);

  ShardLoop& loop_;
  WorkerPool& worker_;
  Disk& disk_;
  std::unique_ptr<MetadataLog> log_;  // the worker's while a round runs
  Hooks hooks_;
  std::vector<MetadataJob> waiting_;
  bool running_ = false;
  bool failed_ = false;
  bool out_of_room_ = false;
  bool wants_snapshot_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for what the loop does later
};

}  // namespace strandline
