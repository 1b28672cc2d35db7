#include "storage/log/sparse_index.h"

#include <cstring>

#include "protocol/base/bytes.h"

namespace strandline {

void OffsetEntry::encode(std::byte* to) const {
  store_be(to, relative_offset);
  store_be(to + 4, position);
}

OffsetEntry OffsetEntry::decode(const std::byte* from) {
  return {load_be<std::uint32_t>(from), load_be<std::uint32_t>(from + 4)};
}

void TimeEntry::encode(std::byte* to) const {
  store_be(to, timestamp);
  store_be(to + 8, relative_offset);
}

TimeEntry TimeEntry::decode(const std::byte* from) {
  return {load_be<std::int64_t>(from), load_be<std::uint32_t>(from + 8)};
}

void ArrivalEntry::encode(std::byte* to) const {
  store_be(to, append_time);
  store_be(to + 8, highest_event_time);
  store_be(to + 16, relative_offset);
}

ArrivalEntry ArrivalEntry::decode(const std::byte* from) {
  return {load_be<std::int64_t>(from), load_be<std::int64_t>(from + 8),
          load_be<std::uint32_t>(from + 16)};
}

const std::string& arrivals_header() {
  static const std::string header{"SLAR\0\0\0\1", 8};
  return header;
}

template <class Entry>
Result<void> SparseIndex<Entry>::write(Disk& disk, const std::string& path,
                                       const std::string& header) {
  if (written_ == entries_.size() && !rewrite_) return success();
  STRANDLINE_TRY(const auto file, disk.open(path, OpenMode::create_or_open));
  if (rewrite_ || written_ == 0) {
    STRANDLINE_TRYV(file->truncate(0));
    if (!header.empty()) {
      STRANDLINE_TRYV(file->write_at(0, as_bytes(header)));
    }
    written_ = 0;
  }
  std::vector<std::byte> rows((entries_.size() - written_) * Entry::kBytes);
  for (std::size_t i = written_; i < entries_.size(); ++i) {
    entries_[i].encode(rows.data() + (i - written_) * Entry::kBytes);
  }
  STRANDLINE_TRYV(file->write_at(header.size() + written_ * Entry::kBytes, ByteView{rows}));
  written_ = entries_.size();
  rewrite_ = false;
  return success();
}

template <class Entry>
Result<bool> SparseIndex<Entry>::load(Disk& disk, const std::string& path,
                                      const std::string& header) {
  entries_.clear();
  written_ = 0;
  rewrite_ = true;  // until the file has turned out to be good
  STRANDLINE_TRY(const bool exists, disk.exists(path));
  if (!exists) return false;
  STRANDLINE_TRY(const auto file, disk.open(path, OpenMode::read));
  STRANDLINE_TRY(const std::uint64_t size, file->size());
  if (size < header.size() || (size - header.size()) % Entry::kBytes != 0) return false;
  std::vector<std::byte> bytes(size);
  STRANDLINE_TRY(const std::size_t got, file->read_at(0, bytes));
  if (got != size || std::memcmp(bytes.data(), header.data(), header.size()) != 0) return false;
  for (std::size_t at = header.size(); at < size; at += Entry::kBytes) {
    const Entry entry = Entry::decode(bytes.data() + at);
    if (!entries_.empty() && !entry.follows(entries_.back())) {
      entries_.clear();
      return false;
    }
    entries_.push_back(entry);
  }
  entries_.shrink_to_fit();
  written_ = entries_.size();
  rewrite_ = false;
  return true;
}

template class SparseIndex<OffsetEntry>;
template class SparseIndex<TimeEntry>;
template class SparseIndex<ArrivalEntry>;

}  // namespace strandline
