#include "storage/io/page_cache.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace strandline {
namespace {

constexpr std::uint64_t kPageBytes = 4096;         // x86-64
constexpr std::uint64_t kFolioBytesMax = 2 << 20;  // a huge page, the kernel's bound for files
constexpr long kCachestatCall = 451;  // the headers of Debian 12 are older than the call

struct CachestatRange {
  std::uint64_t offset;
  std::uint64_t length;
};

struct Cachestat {
  std::uint64_t in_cache;
  std::uint64_t dirty;
  std::uint64_t under_writeback;
  std::uint64_t evicted;
  std::uint64_t recently_evicted;
};

PageRange widened(std::uint64_t position, std::uint64_t length, std::uint64_t unit) {
  const std::uint64_t start = position / unit * unit;
  const std::uint64_t end = (position + length + unit - 1) / unit * unit;
  return {start, end - start};
}

}  // namespace

PageRange pages_around(std::uint64_t position, std::uint64_t length) {
  return widened(position, length, kPageBytes);
}

PageRange folios_around(std::uint64_t position, std::uint64_t length) {
  return widened(position, length, kFolioBytesMax);
}

std::optional<bool> cached_by_cachestat(int fd, std::uint64_t position, std::uint64_t length) {
  const PageRange pages = pages_around(position, length);
  CachestatRange range{pages.start, pages.length};
  Cachestat answer{};
  if (::syscall(kCachestatCall, fd, &range, &answer, 0) != 0) return std::nullopt;
  return answer.in_cache >= pages.length / kPageBytes;
}

bool cached_by_mincore(int fd, std::uint64_t position, std::uint64_t length) {
  const PageRange pages = pages_around(position, length);
  void* mapped =
      ::mmap(nullptr, pages.length, PROT_READ, MAP_SHARED, fd, static_cast<off_t>(pages.start));
  if (mapped == MAP_FAILED) return false;
  std::array<unsigned char, 256> resident{};  // 1 MiB of file a call
  bool all = true;
  for (std::uint64_t at = 0; all && at < pages.length; at += resident.size() * kPageBytes) {
    const std::uint64_t bytes = std::min(pages.length - at, resident.size() * kPageBytes);
    all = ::mincore(static_cast<char*>(mapped) + at, bytes, resident.data()) == 0 &&
          std::all_of(resident.begin(), resident.begin() + static_cast<long>(bytes / kPageBytes),
                      [](unsigned char page) { return (page & 1U) != 0; });
  }
  ::munmap(mapped, pages.length);
  return all;
}

}  // namespace strandline
