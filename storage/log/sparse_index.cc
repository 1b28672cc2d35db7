#include "storage/log/sparse_index.h"

#include <cstring>

#include "protocol/base/crc32c.h"

namespace strandline {
namespace {

constexpr std::size_t kArrivalCheckedBytes = 20;

bool is_missing(const ErrorCode& error) {
  return error == boost::system::errc::no_such_file_or_directory;
}

// True when the file begins as its kind must; kinds without a header always do.
template <class Entry>
Result<bool> has_header(const File& file) {
  if constexpr (Entry::kHeaderBytes == 0) {
    return true;
  } else {
    std::array<std::byte, Entry::kHeaderBytes> found;
    STRANDLINE_TRY(const std::size_t got, file.read_at(0, found));
    return got == found.size() && found == arrivals_header();
  }
}

}  // namespace

void OffsetEntry::encode(std::byte* to) const {
  store_be(to, relative_offset);
  store_be(to + 4, position);
}

std::optional<OffsetEntry> OffsetEntry::decode(const std::byte* from) {
  return OffsetEntry{load_be<std::uint32_t>(from), load_be<std::uint32_t>(from + 4)};
}

void TimeEntry::encode(std::byte* to) const {
  store_be(to, timestamp);
  store_be(to + 8, relative_offset);
}

std::optional<TimeEntry> TimeEntry::decode(const std::byte* from) {
  return TimeEntry{load_be<std::int64_t>(from), load_be<std::uint32_t>(from + 8)};
}

void ArrivalEntry::encode(std::byte* to) const {
  store_be(to, append_time);
  store_be(to + 8, highest_event_time);
  store_be(to + 16, relative_offset);
  store_be(to + kArrivalCheckedBytes, crc32c({to, kArrivalCheckedBytes}));
}

std::optional<ArrivalEntry> ArrivalEntry::decode(const std::byte* from) {
  const auto stored = load_be<std::uint32_t>(from + kArrivalCheckedBytes);
  if (stored != crc32c({from, kArrivalCheckedBytes})) return std::nullopt;
  return ArrivalEntry{load_be<std::int64_t>(from), load_be<std::int64_t>(from + 8),
                      load_be<std::uint32_t>(from + 16)};
}

std::array<std::byte, ArrivalEntry::kHeaderBytes> arrivals_header() {
  std::array<std::byte, ArrivalEntry::kHeaderBytes> header{};
  std::memcpy(header.data(), "SLAR", 4);
  store_be(header.data() + 4, std::uint32_t{1});
  return header;
}

Result<std::size_t> read_in_mode(const File& file, std::uint64_t position, MutableByteView to,
                                 ReadMode mode) {
  if (to.empty()) return std::size_t{0};
  return mode == ReadMode::nowait ? file.read_at_nowait(position, to) : file.read_at(position, to);
}

template <class Entry>
Result<void> Rows<Entry>::read_window(std::uint64_t first, std::span<std::optional<Entry>> to,
                                      ReadMode mode) const {
  std::array<std::byte, kWindow * Entry::kBytes> raw;
  const MutableByteView into = MutableByteView{raw}.first(to.size() * Entry::kBytes);
  STRANDLINE_TRY(const std::size_t got,
                 read_in_mode(*file, Entry::kHeaderBytes + first * Entry::kBytes, into, mode));
  for (std::size_t i = 0; i < to.size(); ++i) {
    const bool whole = (i + 1) * Entry::kBytes <= got;
    to[i] = whole ? Entry::decode(raw.data() + i * Entry::kBytes) : std::nullopt;
  }
  return success();
}

template <class Entry>
Result<std::optional<Entry>> Rows<Entry>::row(std::uint64_t at, ReadMode mode) const {
  std::array<std::optional<Entry>, 1> entry;
  if (at >= count) return entry[0];
  STRANDLINE_TRYV(read_window(at, entry, mode));
  return entry[0];
}

template <class Entry>
Result<typename SparseIndex<Entry>::Found> SparseIndex<Entry>::open(Disk& disk,
                                                                    const std::string& path) {
  start_anew();
  auto file = disk.open(path, OpenMode::read_write);
  if (!file && is_missing(file.error())) return Found::missing;
  if (!file) return file.error();
  file.value()->allow_close_unsynced();
  STRANDLINE_TRY(const std::uint64_t size, file.value()->size());
  STRANDLINE_TRY(const bool begins_well, has_header<Entry>(*file.value()));
  if (!begins_well || size < Entry::kHeaderBytes) return Found::broken;
  rows_ = {.file = std::move(file).value(), .count = (size - Entry::kHeaderBytes) / Entry::kBytes};
  if (rows_.count > 0) {
    STRANDLINE_TRY(last_, rows_.row(rows_.count - 1, ReadMode::blocking));
  }
  const bool whole = (size - Entry::kHeaderBytes) % Entry::kBytes == 0;
  return whole && (rows_.count == 0 || last_) ? Found::good : Found::broken;
}

template <class Entry>
void SparseIndex<Entry>::start_anew() {
  rows_ = {};
  pending_ = {};
  last_.reset();
  open_ = true;
  cut_ = false;
}

template <class Entry>
Result<void> SparseIndex<Entry>::keep(std::uint64_t wanted) {
  if (wanted >= rows_.count) {
    if (wanted - rows_.count < pending_.size()) pending_.resize(wanted - rows_.count);
  } else {
    pending_.clear();
    rows_.count = wanted;
  }
  // Cut also when no row goes: a crash may have left a part of one behind the last.
  if (rows_.file) {
    const std::uint64_t bytes = Entry::kHeaderBytes + rows_.count * Entry::kBytes;
    STRANDLINE_TRY(const std::uint64_t size, rows_.file->size());
    if (size > bytes) {
      STRANDLINE_TRYV(rows_.file->truncate(bytes));
      cut_ = true;
    }
  }
  last_.reset();
  if (!pending_.empty()) {
    last_ = pending_.back();
  } else if (rows_.count > 0) {
    STRANDLINE_TRY(last_, rows_.row(rows_.count - 1, ReadMode::blocking));
  }
  return success();
}

template <class Entry>
Result<void> SparseIndex<Entry>::sync_cut() {
  if (!cut_ || !rows_.file) return success();
  STRANDLINE_TRYV(rows_.file->sync());
  cut_ = false;
  return success();
}

template <class Entry>
Result<void> SparseIndex<Entry>::write(Disk& disk, const std::string& path) {
  if (pending_.empty()) return success();
  if (!rows_.file) {
    STRANDLINE_TRY(auto file, disk.open(path, OpenMode::create_or_open));
    file->allow_close_unsynced();
    STRANDLINE_TRYV(file->truncate(0));
    if constexpr (Entry::kHeaderBytes > 0) {
      const auto header = arrivals_header();
      STRANDLINE_TRYV(file->write_at(0, header));
    }
    rows_.file = std::move(file);
  }
  std::vector<std::byte> bytes(pending_.size() * Entry::kBytes);
  std::byte* to = bytes.data();
  for (const Entry& entry : pending_) {
    entry.encode(to);
    to += Entry::kBytes;
  }
  STRANDLINE_TRYV(
      rows_.file->write_at(Entry::kHeaderBytes + rows_.count * Entry::kBytes, ByteView{bytes}));
  rows_.count += pending_.size();
  pending_ = {};
  return success();
}

template struct Rows<OffsetEntry>;
template struct Rows<TimeEntry>;
template struct Rows<ArrivalEntry>;
template class SparseIndex<OffsetEntry>;
template class SparseIndex<TimeEntry>;
template class SparseIndex<ArrivalEntry>;

}  // namespace strandline
