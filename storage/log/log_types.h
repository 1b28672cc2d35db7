// Plain types that a partition log and its callers share.
//
// Thread   values
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/clock.h"
#include "protocol/base/ids.h"
#include "protocol/base/result.h"
#include "protocol/proto/storage_records.h"
#include "protocol/record/batch.h"
#include "storage/io/disk.h"

namespace strandline {

// The topic configs a log follows.
struct LogConfig {
  std::int64_t segment_bytes = std::int64_t{1} << 30;
  std::int64_t segment_ms = 604'800'000;
  std::int64_t segment_jitter_ms = 0;  // a segment rolls by up to this much earlier
  std::int64_t index_interval_bytes = 4096;
  std::int64_t segment_index_bytes = 10'485'760;
  bool preallocate = false;
  std::int64_t retention_bytes = -1;        // -1: no bound
  std::int64_t retention_ms = 604'800'000;  // -1: for ever
  bool delete_old = true;                   // cleanup.policy has delete
  std::size_t producers_max = 10'000;
  std::int64_t producer_idle_ms_max = 86'400'000;

  friend bool operator==(const LogConfig&, const LogConfig&) = default;
};

// Bytes on disk that are not what was written, as told to the reporter.
struct Damage {
  std::string file;  // path below the data directory
  std::uint64_t position = 0;
  Offset offset = kNoOffset;  // that was to be there, when known
  std::string expected;
  std::string found;
};

// What opening a log, or reading it, found out of order. Calls may come from any thread.
class DamageReporter {
 public:
  virtual ~DamageReporter() = default;

  // Records are affected.
  virtual void damaged(const Damage& damage) = 0;
  // A torn tail is about to be cut off. Whoever must know of that for good notes it now; an error
  // keeps the cut from being made, and the log from opening.
  virtual Result<void> before_cut(const std::string& file) {
    (void)file;
    return success();
  }
  // A torn tail was cut off; its bytes are kept in `saved_as` (empty: there were only zeros).
  virtual void cut(const std::string& file, std::uint64_t position, std::uint64_t bytes,
                   const std::string& saved_as) = 0;
  // A helper file was missing or wrong and is made anew from the log; nothing is lost.
  virtual void rebuilt(const std::string& file, const std::string& why) = 0;
};

// Where a log's recovery begins: what the checkpoint knows of it.
struct RecoveryPoint {
  bool known = false;  // false: no checkpoint, everything is scanned
  // Nothing above its log start was dropped, unless by a log that began anew: a segment that is
  // missing there is damage.
  bool log_start_is_exact = false;
  PartitionCheckpoint state;
};

// A batch that has its place at the end of the log and is not written yet.
struct StagedBatch {
  ByteView bytes;  // borrowed
  BatchHeader header;
  Timestamp append_time = kNoTimestamp;
};

struct AppendInfo {
  Offset base_offset = kNoOffset;
  Offset last_offset = kNoOffset;
};

// Largest leader epoch at or below the one asked for, and the first offset behind it; both -1 when
// no such epoch is known.
struct EpochEndOffset {
  LeaderEpoch epoch = kNoLeaderEpoch;
  Offset end_offset = kNoOffset;
};

// Whole batches in one file.
struct FileSlice {
  std::shared_ptr<File> file;
  std::uint64_t position = 0;
  std::uint64_t length = 0;
};

struct ReadResult {
  std::vector<FileSlice> slices;
  std::uint64_t bytes = 0;
  Offset next_offset = kNoOffset;  // behind the last batch
};

enum class ReadMode : std::uint8_t {
  nowait,    // would_block rather than wait for the disk
  blocking,  // waits, and checks what is read for the first time
};

// A record found by its time. All -1: there is none.
struct TimestampOffset {
  Timestamp timestamp = kNoTimestamp;
  Offset offset = kNoOffset;
  LeaderEpoch leader_epoch = kNoLeaderEpoch;
};

// Files to sync, and what that makes safe. Made by the owner, run by any thread.
struct SyncJob {
  std::vector<std::shared_ptr<File>> files;
  bool sync_directory = false;  // new or removed names
  Offset end;                   // records below it are on disk when all went well
  std::uint64_t bytes = 0;      // written since the last sync
  Disk* disk = nullptr;
  std::string directory;
};

// Waits for the disk. Stops at the first failure: a failed sync is never retried.
Result<void> run(const SyncJob& job);

}  // namespace strandline
