// The metadata records of this node, in a log of their own: record batches whose values are encoded
// MetadataRecords, so that appending, syncing, checking and recovering are those of any log.
// Directory: __cluster_metadata-0. Format: docs/formats/metadata.md
//
// Thread   open(): any, waits for the disk. run(): any. All else: one owner
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "protocol/base/clock.h"
#include "protocol/base/result.h"
#include "protocol/proto/metadata_records.h"
#include "storage/checkpoint/checkpoint.h"
#include "storage/io/disk.h"
#include "storage/log/partition_log.h"

namespace strandline {

class MetadataLog {
 public:
  using OnRecord = std::function<Result<void>(const MetadataRecord&)>;

  // Opens or makes the log and gives every record in it to `on_record`, oldest first.
  //
  // disk, checkpoint   outlive the log; the checkpoint tells damage from a torn tail
  // Errors   corrupt_file, corrupt_batch   the log is damaged; nothing was cut
  //          unsupported_format            written by a newer version
  //          what on_record returns; any I/O code
  static Result<std::unique_ptr<MetadataLog>> open(Disk& disk, Checkpoint& checkpoint,
                                                   Timestamp now, DamageReporter& reporter,
                                                   const OnRecord& on_record);

  // Appends the records as one batch; durable once a sync begun after it has succeeded.
  Result<void> append(std::span<const MetadataRecord> records, Timestamp now);

  std::optional<SyncJob> begin_sync();
  // Also writes into the checkpoint how far the log is safe.
  Result<void> run(const std::optional<SyncJob>& job) const;
  void finish_sync(const std::optional<SyncJob>& job, const Result<void>& result);

  // Syncs what is not synced yet and waits for it; for start and stop.
  Result<void> sync_now();

  const PartitionLog& log() const { return *log_; }

 private:
  MetadataLog(std::unique_ptr<PartitionLog> log, Checkpoint& checkpoint)
      : log_(std::move(log)), checkpoint_(checkpoint) {}

  Result<void> replay(const OnRecord& on_record) const;

  std::unique_ptr<PartitionLog> log_;
  Checkpoint& checkpoint_;
};

}  // namespace strandline
