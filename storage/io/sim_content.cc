#include "storage/io/sim_content.h"

#include <algorithm>

namespace strandline {
namespace {

constexpr std::uint64_t kPage = SimContent::kPageBytes;

std::uint64_t page_of(std::uint64_t position) { return position / kPage; }

}  // namespace

std::size_t SimContent::read(std::uint64_t position, MutableByteView to) {
  if (position >= cached_.size() || to.empty()) return 0;
  const std::size_t count = std::min<std::size_t>(to.size(), cached_.size() - position);
  make_resident(position, count);
  std::copy_n(cached_.begin() + static_cast<long>(position), count, to.begin());
  return count;
}

bool SimContent::is_resident(std::uint64_t position, std::uint64_t length) const {
  const std::uint64_t end = std::min<std::uint64_t>(position + length, cached_.size());
  for (std::uint64_t page = page_of(position); page * kPage < end; ++page) {
    if (!resident_.contains(page)) return false;
  }
  return true;
}

bool SimContent::is_on_device(std::uint64_t position, ByteView bytes) const {
  return position + bytes.size() <= device_.size() &&
         std::equal(bytes.begin(), bytes.end(), device_.begin() + static_cast<long>(position));
}

void SimContent::make_resident(std::uint64_t position, std::uint64_t length) {
  const std::uint64_t end = std::min<std::uint64_t>(position + length, cached_.size());
  for (std::uint64_t page = page_of(position); page * kPage < end; ++page) {
    if (resident_.insert(page).second && !dirty_.contains(page)) load_page(page);
  }
}

// From the device, which may have changed since the page left memory.
void SimContent::load_page(std::uint64_t page) {
  const std::uint64_t start = page * kPage;
  const std::uint64_t end = std::min<std::uint64_t>(start + kPage, cached_.size());
  const std::uint64_t there = std::clamp<std::uint64_t>(device_.size(), start, end);
  const auto from = device_.begin() + static_cast<long>(std::min(start, device_.size()));
  const auto to = cached_.begin() + static_cast<long>(start);
  std::fill(std::copy_n(from, there - start, to), to + static_cast<long>(end - start), std::byte{});
}

void SimContent::write(std::uint64_t position, ByteView bytes) {
  if (bytes.empty()) return;
  make_resident(position, bytes.size());
  if (position + bytes.size() > cached_.size()) cached_.resize(position + bytes.size());
  std::copy(bytes.begin(), bytes.end(), cached_.begin() + static_cast<long>(position));
  for (std::uint64_t page = page_of(position); page <= page_of(position + bytes.size() - 1);
       ++page) {
    dirty_.insert(page);
    resident_.insert(page);
  }
}

void SimContent::truncate(std::uint64_t size) {
  cached_.resize(size);
  smallest_size_ = std::min(smallest_size_, size);
  const std::uint64_t pages = page_of(size + kPage - 1);
  dirty_.erase(dirty_.lower_bound(pages), dirty_.end());
  resident_.erase(resident_.lower_bound(pages), resident_.end());
  if (size % kPage != 0) dirty_.insert(page_of(size));  // its end was zeroed in memory
}

void SimContent::write_page_back(std::uint64_t page) {
  const std::uint64_t start = page * kPage;
  if (start >= cached_.size()) return;
  const std::uint64_t end = std::min<std::uint64_t>(start + kPage, cached_.size());
  if (device_.size() < end) device_.resize(end);
  std::copy(cached_.begin() + static_cast<long>(start), cached_.begin() + static_cast<long>(end),
            device_.begin() + static_cast<long>(start));
}

void SimContent::sync() {
  device_.resize(std::min<std::uint64_t>(device_.size(), smallest_size_));
  for (const std::uint64_t page : dirty_) write_page_back(page);
  device_.resize(cached_.size());
  dirty_.clear();
  smallest_size_ = device_.size();
}

void SimContent::sync_failed(Prng& prng) {
  device_.resize(std::min<std::uint64_t>(device_.size(), smallest_size_));
  for (const std::uint64_t page : dirty_) {
    if (prng.chance(1, 2)) write_page_back(page);
  }
  dirty_.clear();
  smallest_size_ = device_.size();
}

void SimContent::drop_cache(std::uint64_t position, std::uint64_t length) {
  const std::uint64_t end = std::min<std::uint64_t>(position + length, cached_.size());
  for (std::uint64_t page = page_of(position); page * kPage < end; ++page) {
    if (dirty_.contains(page)) continue;
    load_page(page);
    resident_.erase(page);
  }
}

void SimContent::crash(CrashModel::Bytes model, Prng& prng) {
  switch (model) {
    case CrashModel::Bytes::all: return;  // the kernel lives on with all it was given
    case CrashModel::Bytes::random: crash_randomly(prng); break;
    case CrashModel::Bytes::none: break;
  }
  cached_ = device_;
  dirty_.clear();
  resident_.clear();
  smallest_size_ = device_.size();
}

// A truncation is a matter of the journal: it happened as a whole or not at all. When it did not,
// the old file is back, and only pages below the cut can have been overwritten in place.
std::vector<std::byte> SimContent::after_truncation(Prng& prng, std::uint64_t& usable_end) const {
  std::vector<std::byte> result = device_;
  if (smallest_size_ >= device_.size()) return result;
  if (prng.chance(1, 2)) {
    result.resize(smallest_size_);
  } else {
    usable_end = smallest_size_ / kPage * kPage;
  }
  return result;
}

void SimContent::crash_randomly(Prng& prng) {
  std::uint64_t usable_end = cached_.size();
  std::vector<std::byte> result = after_truncation(prng, usable_end);
  const bool was_cut = usable_end < cached_.size();
  // The size travels in the journal as well: the old one, the new one, or that of the moment when
  // some page had been written.
  if (!was_cut && usable_end > result.size()) {
    const std::uint64_t grown = usable_end - result.size();
    const std::uint64_t pick = prng.below(4);
    if (pick == 0) result.resize(usable_end);
    if (pick == 1) result.resize(result.size() + prng.below(grown + 1));
    if (pick == 2) {
      const std::uint64_t size = (result.size() + prng.below(grown + 1)) / kPage * kPage;
      if (size > result.size()) result.resize(size);
    }
  }
  // Mostly half of the pages, sometimes nearly all or nearly none.
  const std::uint64_t kept_of_8 = 1 + prng.below(7);
  for (const std::uint64_t page : dirty_) {
    if (prng.chance(kept_of_8, 8)) keep_page(result, page, usable_end, prng);
  }
  device_ = std::move(result);
}

void SimContent::keep_page(std::vector<std::byte>& to, std::uint64_t page, std::uint64_t end,
                           Prng& prng) const {
  const std::uint64_t start = page * kPage;
  std::uint64_t page_end = std::min({start + kPage, end, std::uint64_t{to.size()}});
  if (start >= page_end) return;
  // A device writes whole sectors: now and then the power goes in the middle of a page.
  if (prng.chance(1, 4)) {
    page_end = std::min(page_end, start + prng.below(kPage / kSectorBytes + 1) * kSectorBytes);
  }
  for (std::uint64_t at = start; at < page_end; ++at) to[at] = cached_[at];
}

void SimContent::flip_bit(std::uint64_t position, unsigned bit, bool in_cache_too) {
  const std::byte mask{static_cast<unsigned char>(1U << (bit & 7U))};
  if (position < device_.size()) device_[position] ^= mask;
  const bool clean = !dirty_.contains(page_of(position));
  if (in_cache_too && clean && position < cached_.size()) cached_[position] ^= mask;
}

}  // namespace strandline
