// What one member of the metadata quorum keeps on its disk: the log of metadata records (record
// batches in a partition log, so that appending, syncing, checking and recovering are those of any
// log), snapshots of the image beside it, and its vote. The log begins where the older snapshot
// ends. Directory: __cluster_metadata-0. Format: docs/formats/metadata.md
//
// Thread   one owner: a thread that may wait for the disk. write_snapshot(): any
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "broker/metadata/metadata_snapshots.h"
#include "protocol/base/clock.h"
#include "protocol/base/result.h"
#include "protocol/proto/metadata_records.h"
#include "replication/metadata/image.h"
#include "replication/quorum/quorum.h"
#include "replication/quorum/quorum_codec.h"
#include "storage/checkpoint/checkpoint.h"
#include "storage/io/disk.h"
#include "storage/log/partition_log.h"

namespace strandline {

// Who this replica is, for the log.
struct MetadataIdentity {
  Uuid cluster_id;
  ReplicaKey self;
  std::optional<HostPort> rpc;  // where other brokers reach it
  // Others founded the cluster: who votes is what their log says. Else a log that names no voters
  // has one, this replica.
  bool joined = false;
};

// What was found at the start.
struct MetadataStart {
  QuorumStart quorum;
  std::vector<MetadataRecord> snapshot;  // of the newest whole one; what is below is committed
};

// A snapshot on its way through a disk thread.
struct MetadataSnapshotJob {
  std::shared_ptr<const MetadataImage> image;
  Offset end_offset;
  LeaderEpoch epoch;                 // of the last record below it
  std::optional<Offset> before;      // end of the newest one until now
  std::uint64_t log_bytes = 0;       // of the log that it takes the place of
  std::uint64_t snapshot_bytes = 0;  // set by write_snapshot()
};

class MetadataLog {
 public:
  struct Options {
    // A snapshot is due when the log has grown by more than this and than the last snapshot: so a
    // start reads at most about twice the image, and a large image is not written all the time.
    // Also the size of a segment, which is what a cut frees.
    std::uint64_t snapshot_bytes_min = std::uint64_t{1} << 20;
  };

  // Opens or makes log and vote. Counts the start. A log whose tail had to be cut makes the vote
  // uncertain, before anything is cut.
  //
  // disk, checkpoint   outlive the log; the checkpoint tells damage from a torn tail
  // Errors   corrupt_file, corrupt_batch   log, snapshots or vote are damaged; nothing was cut
  //          unsupported_format            written by a newer version
  //          foreign_directory             a snapshot is of another cluster
  //          any I/O code
  static Result<std::unique_ptr<MetadataLog>> open(Disk& disk, Checkpoint& checkpoint,
                                                   const MetadataIdentity& identity, Timestamp now,
                                                   DamageReporter& reporter, const Options& options,
                                                   MetadataStart& start);

  // Errors   any I/O code: which vote is on the disk is not known
  Result<void> persist_vote(const QuorumVote& vote);

  // Appends batches of the quorum as they are; durable after sync().
  //
  // Needs    the first to begin at the log's end
  // Errors   any I/O code: some or none of them are in the log, see log_end()
  Result<void> append(std::span<const QuorumBatch> batches, Timestamp now);
  // Errors   any I/O code: what is on the disk is not known
  Result<void> sync();
  // Errors   any I/O code: the log is of no use any more
  Result<void> truncate(Offset end);

  Offset log_end() const { return log_->log_end_offset(); }
  bool wants_snapshot() const { return bytes_since_snapshot_ >= snapshot_due_bytes_; }

  // Needs    an image of all records below `end_offset`, all of them synced and committed; no other
  //          snapshot on its way
  // epoch    of the last record below `end_offset`
  MetadataSnapshotJob begin_snapshot(std::shared_ptr<const MetadataImage> image, Offset end_offset,
                                     LeaderEpoch epoch) const;
  // Writes it and removes those that are not needed any more.
  //
  // Errors   any I/O code: the log stays as it is
  static Result<void> write_snapshot(Disk& disk, MetadataSnapshotJob& job);
  // Cuts the log. A failed one is due again after as much growth as the first.
  //
  // Errors   any I/O code: less was cut, the log goes on
  Result<void> finish_snapshot(const MetadataSnapshotJob& job, const Result<void>& result);

  // The newest snapshot's bytes and end; none: there is no snapshot.
  struct LoadedSnapshot {
    LogEnd end;
    std::vector<std::byte> bytes;
  };
  Result<std::optional<LoadedSnapshot>> load_snapshot() const;

  // Keeps a snapshot that was received, and begins the log anew behind it, durably. Returns its
  // records.
  //
  // Errors   corrupt_file, unsupported_format, foreign_directory   not usable; nothing has changed
  //          any I/O code: the log is of no use any more
  Result<std::vector<MetadataRecord>> install_snapshot(ByteView bytes, const LogEnd& end);

  const PartitionLog& log() const { return *log_; }

 private:
  MetadataLog(Disk& disk, Checkpoint& checkpoint, const Options& options)
      : disk_(disk),
        checkpoint_(checkpoint),
        options_(options),
        snapshot_due_bytes_(options.snapshot_bytes_min) {}

  Result<void> open_vote();
  Result<void> write_vote() const;
  Result<void> open_log(const MetadataSnapshotSearch& search, Timestamp now,
                        DamageReporter& reporter);
  Result<QuorumLog> read_log(const MetadataSnapshotSearch& search,
                             const MetadataIdentity& identity);
  void snapshot_is(Offset end_offset, LeaderEpoch epoch, std::uint64_t bytes);
  Result<void> begin_anew(Offset start);
  void put_checkpoint(Offset flushed_end) const;

  Disk& disk_;
  Checkpoint& checkpoint_;
  const Options options_;
  Uuid cluster_id_;
  StoredVote vote_;
  std::unique_ptr<DamageReporter> guard_;  // what the log tells
  std::unique_ptr<PartitionLog> log_;
  std::optional<LogEnd> snapshot_end_;  // of the newest whole snapshot
  std::uint64_t bytes_since_snapshot_ = 0;
  std::uint64_t snapshot_due_bytes_;
};

}  // namespace strandline
