// The metadata records of this node, in a log of their own: record batches whose values are encoded
// MetadataRecords, so that appending, syncing, checking and recovering are those of any log. Beside
// it lie snapshots of the image, and the log begins where the older of them ends.
// Directory: __cluster_metadata-0. Format: docs/formats/metadata.md
//
// Thread   open(): any, waits for the disk. run(): any. All else: one owner
#pragma once

#include <cstdint>
#include <functional>
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
#include "storage/checkpoint/checkpoint.h"
#include "storage/io/disk.h"
#include "storage/log/partition_log.h"

namespace strandline {

// A sync of the metadata log on its way through a sync thread.
struct MetadataSync {
  SyncJob job;
  Offset log_start;
};

// A snapshot on its way through a disk thread.
struct MetadataSnapshotJob {
  std::shared_ptr<const MetadataImage> image;
  Offset end_offset;
  std::optional<Offset> before;      // end of the newest one until now
  std::uint64_t log_bytes = 0;       // of the log that it takes the place of
  std::uint64_t snapshot_bytes = 0;  // set by run()
};

class MetadataLog {
 public:
  using OnRecord = std::function<Result<void>(const MetadataRecord&)>;

  struct Options {
    // A snapshot is due when the log has grown by more than this and than the last snapshot: so a
    // start reads at most about twice the image, and a large image is not written all the time.
    // Also the size of a segment, which is what a cut frees.
    std::uint64_t snapshot_bytes_min = std::uint64_t{1} << 20;
  };

  // Opens or makes the log and gives every record of the newest usable snapshot, then those of the
  // log behind it, to `on_record`.
  //
  // disk, checkpoint   outlive the log; the checkpoint tells damage from a torn tail
  // Errors   corrupt_file, corrupt_batch   log or snapshots are damaged; nothing was cut
  //          unsupported_format            written by a newer version
  //          foreign_directory             a snapshot is of another cluster
  //          what on_record returns; any I/O code
  static Result<std::unique_ptr<MetadataLog>> open(Disk& disk, Checkpoint& checkpoint,
                                                   const Uuid& cluster_id, Timestamp now,
                                                   DamageReporter& reporter,
                                                   const OnRecord& on_record,
                                                   const Options& options);

  // Appends the records as one batch; durable once a sync begun after it has succeeded.
  Result<void> append(std::span<const MetadataRecord> records, Timestamp now);

  std::optional<MetadataSync> begin_sync();
  // Also writes into the checkpoint how far the log is safe.
  Result<void> run(const std::optional<MetadataSync>& sync) const;
  void finish_sync(const std::optional<MetadataSync>& sync, const Result<void>& result);

  // Syncs what is not synced yet and waits for it; for start and stop.
  Result<void> sync_now();

  bool wants_snapshot() const { return bytes_since_snapshot_ >= snapshot_due_bytes_; }

  // Needs    an image of all records in the log, all of them synced; no other snapshot on its way
  MetadataSnapshotJob begin_snapshot(std::shared_ptr<const MetadataImage> image) const;
  // Writes it and removes those that are not needed any more.
  //
  // Errors   any I/O code: the log stays as it is
  Result<void> run(MetadataSnapshotJob& job) const;
  // Cuts the log; the files that come free are to be removed. A failed one is due again after as
  // much growth as the first.
  //
  // Errors   any I/O code: less was cut, the log goes on
  Result<std::vector<std::string>> finish_snapshot(const MetadataSnapshotJob& job,
                                                   const Result<void>& result);

  const PartitionLog& log() const { return *log_; }

 private:
  MetadataLog(Disk& disk, Checkpoint& checkpoint, const Options& options)
      : disk_(disk),
        checkpoint_(checkpoint),
        options_(options),
        snapshot_due_bytes_(options.snapshot_bytes_min) {}

  Result<void> open_log(const MetadataSnapshotSearch& search, Timestamp now,
                        DamageReporter& reporter);
  Result<void> replay(Offset from, const OnRecord& on_record);
  void snapshot_is(Offset end_offset, std::uint64_t bytes);

  Disk& disk_;
  Checkpoint& checkpoint_;
  const Options options_;
  std::unique_ptr<PartitionLog> log_;
  std::optional<Offset> snapshot_end_;  // of the newest whole snapshot
  std::uint64_t bytes_since_snapshot_ = 0;
  std::uint64_t snapshot_due_bytes_;
};

}  // namespace strandline
