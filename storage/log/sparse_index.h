// The sparse indexes of one segment, in memory and as files.
//
//   .index      relative offset (4), position (4)           in Kafka's published layout
//   .timeindex  timestamp (8), relative offset (4)          in Kafka's published layout
//   .arrivals   append time (8), highest event time so far (8), relative offset (4), behind a
//   header
//
// Both numbers of a row grow from row to row. Entries are written behind, at rolls and rounds of
// the checkpoint: a crash leaves a short file, which the log makes up for. Formats: docs/formats/.
//
// Thread   one owner; copies are values
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/base/clock.h"
#include "protocol/base/result.h"
#include "storage/io/disk.h"

namespace strandline {

struct OffsetEntry {
  std::uint32_t relative_offset = 0;
  std::uint32_t position = 0;

  static constexpr std::size_t kBytes = 8;
  void encode(std::byte* to) const;
  static OffsetEntry decode(const std::byte* from);
  bool follows(const OffsetEntry& before) const {
    return relative_offset > before.relative_offset && position > before.position;
  }
};

struct TimeEntry {
  std::int64_t timestamp = -1;        // the highest so far
  std::uint32_t relative_offset = 0;  // of the last record of its batch

  static constexpr std::size_t kBytes = 12;
  void encode(std::byte* to) const;
  static TimeEntry decode(const std::byte* from);
  bool follows(const TimeEntry& before) const {
    return timestamp > before.timestamp && relative_offset > before.relative_offset;
  }
};

struct ArrivalEntry {
  std::int64_t append_time = -1;
  std::int64_t highest_event_time = -1;
  std::uint32_t relative_offset = 0;

  static constexpr std::size_t kBytes = 20;
  void encode(std::byte* to) const;
  static ArrivalEntry decode(const std::byte* from);
  bool follows(const ArrivalEntry& before) const {
    return append_time >= before.append_time && relative_offset > before.relative_offset &&
           highest_event_time >= before.highest_event_time;
  }
};

// Rows in memory, and how many of them the file has.
template <class Entry>
class SparseIndex {
 public:
  const std::vector<Entry>& entries() const { return entries_; }
  bool empty() const { return entries_.empty(); }
  std::size_t memory_bytes() const { return entries_.capacity() * sizeof(Entry); }

  // Adds a row; one that does not follow the last is left out, as lookups need order.
  void add(const Entry& entry) {
    if (!entries_.empty() && !entry.follows(entries_.back())) return;
    entries_.push_back(entry);
  }

  // Drops rows for which `beyond` is true; they are at the end.
  template <class Beyond>
  void cut(Beyond beyond) {
    while (!entries_.empty() && beyond(entries_.back())) entries_.pop_back();
    rewrite_ = rewrite_ || written_ > entries_.size();
    written_ = std::min(written_, entries_.size());
  }

  // Writes the rows the file does not have yet.
  //
  // header   bytes before the first row
  Result<void> write(Disk& disk, const std::string& path, const std::string& header);

  // Reads the file; false when it is missing, cut short or out of order: the index is then empty.
  Result<bool> load(Disk& disk, const std::string& path, const std::string& header);

  void forget() { entries_ = {}; }

 private:
  std::vector<Entry> entries_;
  std::size_t written_ = 0;
  bool rewrite_ = false;  // the file has rows that were cut here
};

extern template class SparseIndex<OffsetEntry>;
extern template class SparseIndex<TimeEntry>;
extern template class SparseIndex<ArrivalEntry>;

// What .arrivals begins with: "SLAR", version 1 (4 bytes, big-endian).
const std::string& arrivals_header();

}  // namespace strandline
