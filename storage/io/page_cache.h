// Asks the kernel which pages of a file are in memory.
//
// Thread   any
#pragma once

#include <cstdint>
#include <optional>

namespace strandline {

struct PageRange {
  std::uint64_t start = 0;
  std::uint64_t length = 0;
};

// The whole pages that the range touches.
PageRange pages_around(std::uint64_t position, std::uint64_t length);

// The same in the largest pieces that the cache keeps together (large folios, aligned to their
// size): dropping less than a whole one drops nothing.
PageRange folios_around(std::uint64_t position, std::uint64_t length);

// True when every page of the range is in the cache; nothing when this kernel (before 6.5) or file
// system cannot tell. Needs length > 0 and the range within the file.
std::optional<bool> cached_by_cachestat(int fd, std::uint64_t position, std::uint64_t length);

// The same for older kernels, through a short-lived mapping; false when it cannot be had.
bool cached_by_mincore(int fd, std::uint64_t position, std::uint64_t length);

}  // namespace strandline
