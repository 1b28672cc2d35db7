// The checkpoint of a data directory: per partition what is known to be safe on this disk, so that
// a restart scans only beyond it. Format: docs/formats/checkpoint.md
//
// Two slots, the files `checkpoint.0` and `checkpoint.1`. A slot is an image of all partitions
// followed by a journal of changes: a round writes what changed since the last one, in one sync,
// and once the journal outgrows the image the next round writes a new image into the other slot. A
// crash may leave a torn end of the journal (ignored) or an unfinished image (the other slot
// counts).
//
// A checkpoint may be behind the log, never ahead of it: before a log is cut below its flushed_end,
// the owner puts the lower flushed_end and calls write(). Afterwards a flushed_end above the end of
// the log means damage.
//
// Thread   any; put() and remove() only take a mutex, write() syncs (one at a time)
// Owns     the two files
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "protocol/proto/storage_records.h"
#include "storage/io/disk.h"

namespace strandline {

// What open() found; each complaint is a sentence for the log.
struct CheckpointReport {
  enum class Source : std::uint8_t {
    fresh,   // no slot was there: a new data directory
    newest,  // the newest slot
    older,   // the newest one is damaged: this one may be behind, recovery scans more
    none,    // slots are there but none is usable: every log is scanned from its start
  };
  Source source = Source::fresh;
  std::vector<std::string> complaints;
};

class Checkpoint {
 public:
  struct Options {
    // A new image is written when the journal is larger than this and than the image.
    std::uint64_t journal_bytes_min = 1 << 20;
  };

  // Reads the slots of the disk's root directory. Creates nothing before the first write().
  //
  // Errors   unsupported_format   a slot was written by a newer version
  //          any I/O code         (damage is no error, it is in the report)
  static Result<std::unique_ptr<Checkpoint>> open(Disk& disk, const Options& options,
                                                  CheckpointReport& report);
  static Result<std::unique_ptr<Checkpoint>> open(Disk& disk, CheckpointReport& report) {
    return open(disk, Options{}, report);
  }

  // The partition's state as last put, or as read at the start.
  std::optional<PartitionCheckpoint> find(const PartitionKey& key) const;
  std::vector<PartitionKey> partitions() const;

  // What was written last may be lacking in what was read at the start: a crash or damage has left
  // a slot, or the end of a journal, that does not check.
  bool may_be_behind() const { return may_be_behind_; }

  // For the next write(); the same state as before costs nothing.
  void put(const PartitionKey& key, PartitionCheckpoint state);
  void remove(const PartitionKey& key);

  // Makes all that was put before the call, or read at the start, durable; writes nothing when
  // nothing changed since the last time.
  //
  // Errors   no room, see is_out_of_room(): what was put is written by a later call
  //          any other I/O code   and from then on every call fails with it: a failed sync is not
  //                               retried, also one that found no room
  Result<void> write();

  // For metrics and tests.
  std::uint64_t bytes_written() const;

 private:
  Checkpoint(Disk& disk, const Options& options);

  Result<void> append_changes(const std::vector<CheckpointEntry>& changes);
  Result<void> write_image();
  Result<void> write_slot_again();
  Result<void> sync_slot(File& file);
  std::vector<CheckpointEntry> take_changes();
  std::vector<CheckpointEntry> all_entries() const;

  Disk& disk_;
  const Options options_;
  bool may_be_behind_ = false;

  mutable std::mutex mutex_;  // guards the two below
  std::map<PartitionKey, PartitionCheckpoint> partitions_;
  std::set<PartitionKey> changed_;

  mutable std::mutex write_mutex_;  // held for a whole write(); guards the rest
  std::shared_ptr<File> file_;      // the slot written to; null: an image comes first
  int slot_ = 1;                    // its number
  bool slot_is_doubtful_ = false;   // it was read at the start, and not written since
  std::uint64_t generation_ = 0;
  std::uint32_t next_frame_ = 0;
  std::uint64_t end_ = 0;        // where the next frame goes
  std::uint64_t image_end_ = 0;  // where the journal begins
  std::uint64_t bytes_written_ = 0;
  ErrorCode failed_;
  bool is_syncing_ = false;  // or a sync has failed, which no later call mends
};

}  // namespace strandline
