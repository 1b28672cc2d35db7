// The sparse indexes of one segment: rows at the end of a file, the newest of them still in memory.
//
//   .index      relative offset (4), position (4)           in Kafka's published layout
//   .timeindex  timestamp (8), relative offset (4)          in Kafka's published layout
//   .arrivals   a header, then rows with a checksum each    (docs/formats/arrivals.md)
//
// Both numbers of a row grow from row to row. Rows are written behind, at rolls and rounds of the
// checkpoint: a crash leaves a short file, which the log makes up for. Formats: docs/formats/.
//
// Thread   one owner (the segment, under its mutex); a Rows copy may be searched by any thread
// Owns     the file's handle and the rows not yet written
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"
#include "storage/io/disk.h"
#include "storage/log/log_types.h"

namespace strandline {

// A batch begins at `position`; relative_offset is of its last record.
struct OffsetEntry {
  std::uint32_t relative_offset = 0;
  std::uint32_t position = 0;

  static constexpr std::size_t kBytes = 8;
  static constexpr std::size_t kHeaderBytes = 0;
  void encode(std::byte* to) const;
  static std::optional<OffsetEntry> decode(const std::byte* from);
  bool follows(const OffsetEntry& before) const {
    return relative_offset > before.relative_offset && position > before.position;
  }
};

// The greatest record time of the segment so far, and the last offset of the first batch with it.
struct TimeEntry {
  std::int64_t timestamp = -1;
  std::uint32_t relative_offset = 0;

  static constexpr std::size_t kBytes = 12;
  static constexpr std::size_t kHeaderBytes = 0;
  void encode(std::byte* to) const;
  static std::optional<TimeEntry> decode(const std::byte* from);
  bool follows(const TimeEntry& before) const {
    return timestamp > before.timestamp && relative_offset > before.relative_offset;
  }
};

struct ArrivalEntry {
  std::int64_t append_time = -1;         // of the batch that ends at relative_offset
  std::int64_t highest_event_time = -1;  // in the segment so far
  std::uint32_t relative_offset = 0;

  static constexpr std::size_t kBytes = 24;  // with a CRC-32C of the 20 bytes before it
  static constexpr std::size_t kHeaderBytes = 8;
  void encode(std::byte* to) const;
  static std::optional<ArrivalEntry> decode(const std::byte* from);  // none: wrong checksum
  bool follows(const ArrivalEntry& before) const {
    return append_time >= before.append_time && relative_offset > before.relative_offset &&
           highest_event_time >= before.highest_event_time;
  }
};

// What .arrivals begins with: "SLAR", version 1 (4 bytes, big-endian).
std::array<std::byte, ArrivalEntry::kHeaderBytes> arrivals_header();

// Up to to.size() bytes; fewer only at the end of the file.
Result<std::size_t> read_in_mode(const File& file, std::uint64_t position, MutableByteView to,
                                 ReadMode mode);

// The rows of a file as they were at some moment.
template <class Entry>
struct Rows {
  std::shared_ptr<File> file;  // null: there are none
  std::uint64_t count = 0;

  // Row number `at`; none when its checksum is wrong or the file ends before it.
  Result<std::optional<Entry>> row(std::uint64_t at, ReadMode mode) const;

  // The last row for which `belongs`; rows for which it holds come first, if the file is in order.
  //
  // guess   a row that may be near it: then one read finds it
  template <class Belongs>
  Result<std::optional<Entry>> last_where(Belongs belongs, ReadMode mode,
                                          std::optional<std::uint64_t> guess = {}) const {
    Span span{.low = 0, .high = count};
    if (file != nullptr && guess) {
      const std::uint64_t first = *guess - std::min<std::uint64_t>(*guess, kWindow / 2);
      Window window{.first = std::min(first, count)};
      STRANDLINE_TRYV(look(window, count, belongs, mode));
      const std::uint64_t end = window.first + window.belonging;
      if (window.last && (window.belonging < window.size || end == count)) return window.last;
      (window.last ? span.low : span.high) = end;
    }
    STRANDLINE_TRY(const Window window, find(span, belongs, mode));
    if (window.last || window.first == 0) return window.last;
    return row(window.first - 1, mode);
  }

  // How many rows at the front belong.
  template <class Belongs>
  Result<std::uint64_t> count_where(Belongs belongs, ReadMode mode) const {
    STRANDLINE_TRY(const Window window, find({.low = 0, .high = count}, belongs, mode));
    return window.first + window.belonging;
  }

 private:
  static constexpr std::size_t kWindow = 128;

  // Rows below `low` belong, those from `high` on do not.
  struct Span {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
  };
  // Rows read together, and how many of them, from the first on, belong.
  struct Window {
    std::uint64_t first = 0;
    std::uint64_t size = 0;
    std::uint64_t belonging = 0;
    std::optional<Entry> last;  // of those
  };

  // The window in which the rows that belong end.
  template <class Belongs>
  Result<Window> find(Span span, Belongs belongs, ReadMode mode) const {
    if (file == nullptr) return Window{};
    while (span.high - span.low > kWindow) {
      const std::uint64_t middle = span.low + (span.high - span.low) / 2;
      STRANDLINE_TRY(const std::optional<Entry> entry, row(middle, mode));
      if (entry && belongs(*entry)) {
        span.low = middle + 1;
      } else {
        span.high = middle;
      }
    }
    Window window{.first = span.low};
    STRANDLINE_TRYV(look(window, span.high, belongs, mode));
    return window;
  }

  template <class Belongs>
  Result<void> look(Window& window, std::uint64_t end, Belongs belongs, ReadMode mode) const {
    std::array<std::optional<Entry>, kWindow> entries;
    window.size = std::min<std::uint64_t>(end - window.first, kWindow);
    STRANDLINE_TRYV(read_window(window.first, std::span{entries}.first(window.size), mode));
    while (window.belonging < window.size) {
      const std::optional<Entry>& entry = entries[window.belonging];
      if (!entry || !belongs(*entry)) break;
      window.last = entry;
      ++window.belonging;
    }
    return success();
  }

  Result<void> read_window(std::uint64_t first, std::span<std::optional<Entry>> to,
                           ReadMode mode) const;
};

template <class Entry>
class SparseIndex {
 public:
  enum class Found : std::uint8_t { good, missing, broken };

  // Finds the file of a segment that was there before; reads its header and last row.
  //
  // Errors   any I/O code
  Result<Found> open(Disk& disk, const std::string& path);
  bool is_open() const { return open_; }
  // There are no rows; a file that is there is overwritten.
  void start_anew();

  const Rows<Entry>& rows() const { return rows_; }               // that are in the file
  const std::vector<Entry>& pending() const { return pending_; }  // behind them
  const std::optional<Entry>& last() const { return last_; }
  std::uint64_t count() const { return rows_.count + pending_.size(); }
  // Row number `at`, wherever it is. May wait for the disk.
  Result<std::optional<Entry>> row(std::uint64_t at) const {
    if (at >= count()) return std::optional<Entry>{};
    if (at >= rows_.count) return std::optional<Entry>{pending_[at - rows_.count]};
    return rows_.row(at, ReadMode::blocking);
  }

  // Adds a row; one that does not follow the last is left out, as look-ups need order.
  void add(const Entry& entry) {
    if (last_ && !entry.follows(*last_)) return;
    pending_.push_back(entry);
    last_ = entry;
  }

  // Keeps the first `count` rows. Waits for the disk.
  Result<void> keep(std::uint64_t count);

  // Makes sure that rows which keep() took from the file do not come back with a power loss.
  Result<void> sync_cut();

  // Writes the rows the file does not have yet; they stay in memory when that fails.
  Result<void> write(Disk& disk, const std::string& path);

 private:
  Rows<Entry> rows_;
  std::vector<Entry> pending_;
  std::optional<Entry> last_;
  bool open_ = false;
  bool cut_ = false;  // the file was cut and not synced since
};

extern template struct Rows<OffsetEntry>;
extern template struct Rows<TimeEntry>;
extern template struct Rows<ArrivalEntry>;
extern template class SparseIndex<OffsetEntry>;
extern template class SparseIndex<TimeEntry>;
extern template class SparseIndex<ArrivalEntry>;

}  // namespace strandline
