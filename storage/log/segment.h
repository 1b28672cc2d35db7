// One segment of a partition log: the batches from its base offset on, in one file, and the sparse
// indexes that find them.
//
// Files, named by the base offset in 20 digits: .log (the batches), .index, .timeindex, .arrivals.
// Only .log holds anything that cannot be made again. A crash may leave a torn batch at the end of
// the newest .log, and index files that are short or missing.
//
// Thread   append() and cut(): the log's owner. All else: any thread
// Owns     its files' handles; the destructor closes, it does not sync
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "protocol/base/ids.h"
#include "protocol/base/result.h"
#include "protocol/record/batch.h"
#include "storage/io/disk.h"
#include "storage/log/byte_ranges.h"
#include "storage/log/log_types.h"
#include "storage/log/sparse_index.h"

namespace strandline {

enum class ReadMode : std::uint8_t {
  nowait,    // would_block rather than wait for the disk
  blocking,  // waits, and checks what is read for the first time
};

inline constexpr std::string_view kLogSuffix = ".log";
inline constexpr std::string_view kOffsetIndexSuffix = ".index";
inline constexpr std::string_view kTimeIndexSuffix = ".timeindex";
inline constexpr std::string_view kArrivalsSuffix = ".arrivals";
inline constexpr std::string_view kDigestSuffix = ".digest";
inline constexpr std::string_view kDeletedSuffix = ".deleted";

// "00000000000000000042"
std::string offset_file_stem(Offset offset);

// The times a segment spans, for retention and look-ups.
struct SegmentTimes {
  Timestamp max_timestamp = kNoTimestamp;   // of its records
  Offset max_timestamp_offset = kNoOffset;  // last of the batch with it
  Timestamp first_append_time = kNoTimestamp;
  Timestamp last_append_time = kNoTimestamp;
};

class Segment {
 public:
  // file   `<stem>.log`; size: its length now
  Segment(Disk& disk, std::string directory, Offset base_offset, std::shared_ptr<File> file,
          std::uint64_t size, DamageReporter& reporter);

  Offset base_offset() const { return base_offset_; }
  std::uint64_t size() const { return size_.load(std::memory_order_acquire); }
  const std::shared_ptr<File>& file() const { return file_; }
  std::string path(std::string_view suffix) const;
  SegmentTimes times() const;

  // Writes one batch at the end. On an error the file may hold part of it beyond size().
  Result<void> append(ByteView batch, const BatchHeader& header, Timestamp append_time,
                      std::int64_t index_interval_bytes);

  // Takes note of a batch that recovery found in the file at size().
  void recovered(const BatchHeader& header, Timestamp append_time,
                 std::int64_t index_interval_bytes);

  // Drops everything from `position` on, where the batch with `offset` begins.
  Result<void> cut(std::uint64_t position, Offset offset);

  // The same in memory only: recovery is about to read again what lies there.
  void rewind(std::uint64_t position, Offset offset);

  // No more is appended: completes the indexes with a last row and writes them.
  Result<void> seal();

  // Where to begin looking for the batch that holds `offset`: a batch at or before it.
  //
  // Errors   would_block   in nowait mode, when the index is not in memory
  Result<std::uint64_t> position_before(Offset offset, ReadMode mode);

  // The furthest batch known to begin at or before `position` and to end below `end`; 0 when none.
  // Never waits.
  std::uint64_t batch_start_before(std::uint64_t position, Offset end);

  // A batch start from which on, walking forward, the first record with a time of at least `time`
  // will be met. Waits for the disk when the index is not in memory.
  Result<std::uint64_t> position_before_time(Timestamp time);

  // Highest append time known at or below `offset`.
  Timestamp append_time_of(Offset offset) const;

  // Brings the index files up to what is in memory; not synced, as they can be made again.
  Result<void> write_indexes();

  // Reads times and arrivals of a segment that was there at the start, from the segment itself when
  // its files are missing or broken. Waits for the disk.
  //
  // when_unknown   stands for append times that nothing tells
  // Returns        the first offset that the files say nothing of
  Result<Offset> load_times(Timestamp when_unknown);

  // Ranges whose batches were checked since they were last read from disk.
  ByteRanges& checked() { return checked_; }

  std::uint32_t relative(Offset offset) const {
    return static_cast<std::uint32_t>(offset - base_offset_);
  }
  std::size_t index_bytes() const;
  void report(Damage damage) const { reporter_.damaged(damage); }

 private:
  Result<void> load_indexes();
  Result<void> rebuild_indexes(const std::string& file);
  void index(const BatchHeader& header, std::uint64_t position, Timestamp append_time,
             std::int64_t index_interval_bytes);

  Disk& disk_;
  DamageReporter& reporter_;
  const std::string directory_;
  const Offset base_offset_;
  const std::shared_ptr<File> file_;
  std::atomic<std::uint64_t> size_;
  ByteRanges checked_;

  mutable std::mutex mutex_;  // guards what follows; held for microseconds but while loading
  bool indexes_loaded_ = false;
  SparseIndex<OffsetEntry> offsets_;
  SparseIndex<TimeEntry> timestamps_;
  SparseIndex<ArrivalEntry> arrivals_;
  std::uint64_t indexed_position_ = 0;  // of the newest row of .index
  SegmentTimes times_;
  Offset last_offset_ = kNoOffset;  // of the newest batch that was indexed
};

}  // namespace strandline
