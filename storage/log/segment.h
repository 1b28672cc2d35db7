// One segment of a partition log: the batches from its base offset on, in one file, and the sparse
// indexes that find them.
//
// Files, named by the base offset in 20 digits: .log (the batches), .index, .timeindex, .arrivals,
// .digest. Only .log holds anything that cannot be made again. A crash may leave a torn batch at
// the end of the newest .log, and other files that are short, missing or broken.
//
// .index and .timeindex carry no checksum: a row is a hint, and is used only when the batch that it
// names says the same. One that does not makes both be written anew.
//
// Thread   append(), recovered(), cut(), restore(), seal(): the log's owner. All else: any thread
// Owns     its files' handles and the rows not yet written; the destructor closes, it does not sync
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "protocol/base/ids.h"
#include "protocol/base/result.h"
#include "protocol/record/batch.h"
#include "storage/io/disk.h"
#include "storage/log/byte_ranges.h"
#include "storage/log/log_types.h"
#include "storage/log/sparse_index.h"

namespace strandline {

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
  Offset max_timestamp_offset = kNoOffset;  // last of the first batch with it; none: not known
  Timestamp first_append_time = kNoTimestamp;
  Timestamp last_append_time = kNoTimestamp;
};

// Where a batch begins.
struct BatchPlace {
  std::uint64_t position = 0;
  Offset offset;  // its base offset; at the end of a segment: the offset after it
};

class Segment {
 public:
  // file   `<stem>.log`; size: its length now. An empty one is new: index files that lie about
  //        from before are written over
  Segment(Disk& disk, std::string directory, Offset base_offset, std::shared_ptr<File> file,
          std::uint64_t size, DamageReporter& reporter);

  Offset base_offset() const { return base_offset_; }
  std::uint64_t size() const { return size_.load(std::memory_order_acquire); }
  const std::shared_ptr<File>& file() const { return file_; }
  Disk& disk() const { return disk_; }
  const std::string& directory() const { return directory_; }
  std::string path(std::string_view suffix) const;
  SegmentTimes times() const;

  // Writes batches at the end, all at once. On an error the file may hold part of them beyond
  // size().
  Result<void> append(std::span<const StagedBatch> batches, std::int64_t index_interval_bytes);

  // Takes note of a batch that is in the file at size().
  void recovered(const BatchHeader& header, Timestamp append_time,
                 std::int64_t index_interval_bytes);

  // Drops the part of a batch that a failed append left behind size().
  Result<void> cut_rest();

  // Goes back to where the log ended at `end`: index rows beyond are dropped, missing ones before
  // it made again, size() is where the batch that holds `end` begins. The file is left as it is.
  // Waits for the disk.
  //
  // when_unknown  stands for append times that nothing tells
  // Returns       where it ended; below `end` when that lies inside a batch
  // Errors        corrupt_batch   there is no walking to `end`; reported
  Result<BatchPlace> restore(Offset end, std::uint64_t file_end, Timestamp when_unknown,
                             std::int64_t index_interval_bytes);

  // No more is appended: completes the indexes with a last row and writes them.
  Result<void> seal();

  // A batch at or before the one that holds `offset`, near it if the index helps.
  //
  // Errors   would_block   nowait only; any I/O code
  Result<BatchPlace> place_before(Offset offset, ReadMode mode);

  // A batch that begins at or before `position`.
  Result<BatchPlace> place_before_position(std::uint64_t position, ReadMode mode);

  // A batch from which on, walking forward, the first record with a time of at least `time` will
  // be met. Waits for the disk.
  Result<BatchPlace> place_before_time(Timestamp time);

  // Newest append time known at or below `offset`. May wait for the disk.
  Timestamp append_time_of(Offset offset) const;

  // Brings the index files up to what is in memory; not synced, as they can be made again.
  Result<void> write_indexes();
  // Makes the index files durable, as far as they are open. Waits for the disk.
  Result<void> sync_indexes();

  // Reads times of a segment that was sealed before the start. Waits for the disk.
  //
  // end      the offset after its last record
  // Returns  false when .arrivals does not tell: restore() the whole segment then
  Result<bool> load_times(Offset end);

  // Ranges whose batches were checked since they were last read from disk.
  ByteRanges& checked() { return checked_; }

  // Other records are about to take the place of some that this object tells of: from here on no
  // digest is made of it. Waits for one that is being written.
  void retire();
  // Runs `write` unless it is retired; then it does nothing.
  Result<void> unless_retired(const std::function<Result<void>()>& write);

  // Remembers where a read ended, for the reader who goes on there.
  void remember(Offset offset, std::uint64_t position);

  std::uint32_t relative(Offset offset) const {
    return static_cast<std::uint32_t>(offset - base_offset_);
  }
  std::size_t index_bytes() const;
  void report(Damage damage) const { reporter_.damaged(damage); }
  // The file ends at `end`, although records up to `expected` were to be there.
  void report_early_end(const BatchPlace& end, Offset expected) const;

 private:
  static constexpr std::size_t kCursors = 4;

  struct NamedBatch {
    BatchPlace place;
    Timestamp time;  // the greatest in it
  };

  // The batch that ends at `last_offset`; none when walking from `near` meets no such one.
  Result<std::optional<NamedBatch>> batch_ending_at(const BatchPlace& near,
                                                    Offset last_offset) const;
  Result<void> open_indexes();
  Result<void> write_rows();
  Result<void> rebuild_indexes(const std::string& why);
  Result<std::optional<BatchPlace>> place_of(const OffsetEntry& row, ReadMode mode) const;
  Result<BatchPlace> place_up_to(std::uint32_t OffsetEntry::* field, std::uint64_t most,
                                 ReadMode mode);
  std::optional<BatchPlace> recall(Offset offset) const;
  Result<BatchPlace> restore_rows(Offset end);
  Result<bool> time_rows_fit(const BatchPlace& place);
  Result<Offset> times_known_to() const;
  Result<BatchPlace> back_to_known_times(const BatchPlace& place);
  Result<void> restore_arrivals(Offset end, Timestamp when_unknown);
  void index(const BatchHeader& header, std::uint64_t position, Timestamp append_time,
             std::int64_t index_interval_bytes);
  void index_position(const BatchHeader& header, std::uint64_t position,
                      std::int64_t index_interval_bytes);

  Disk& disk_;
  DamageReporter& reporter_;
  const std::string directory_;
  const Offset base_offset_;
  const std::shared_ptr<File> file_;
  std::atomic<std::uint64_t> size_;
  ByteRanges checked_;
  // Relative offset in the upper, position in the lower half: one atomic, so never a mixed pair.
  std::array<std::atomic<std::uint64_t>, kCursors> cursors_{};
  std::atomic<std::uint32_t> next_cursor_{0};

  std::mutex retiring_;  // guards the next, and is held while a digest is written
  bool retired_ = false;

  mutable std::mutex mutex_;  // guards what follows; held for microseconds but while opening files
  SparseIndex<OffsetEntry> offsets_;
  SparseIndex<TimeEntry> timestamps_;
  SparseIndex<ArrivalEntry> arrivals_;
  std::uint64_t indexed_position_ = 0;  // of the newest row of .index
  SegmentTimes times_;
  Offset last_offset_ = kNoOffset;  // of the newest batch
};

}  // namespace strandline
