// A set of byte ranges of one file: which parts have been checked. Neighbours merge, so that a file
// read from one end to the other is one range.
//
// Thread   any; each call takes a mutex for a moment
#pragma once

#include <cstdint>
#include <map>
#include <mutex>

namespace strandline {

class ByteRanges {
 public:
  void add(std::uint64_t start, std::uint64_t end) {
    if (start >= end) return;
    const std::lock_guard lock{mutex_};
    auto next = ranges_.upper_bound(start);
    if (next != ranges_.begin()) {
      const auto before = std::prev(next);
      if (before->second >= start) {
        start = before->first;
        end = end > before->second ? end : before->second;
        next = ranges_.erase(before);
      }
    }
    while (next != ranges_.end() && next->first <= end) {
      end = end > next->second ? end : next->second;
      next = ranges_.erase(next);
    }
    ranges_.emplace(start, end);
  }

  void remove(std::uint64_t start, std::uint64_t end) {
    if (start >= end) return;
    const std::lock_guard lock{mutex_};
    auto at = ranges_.upper_bound(start);
    if (at != ranges_.begin()) --at;
    while (at != ranges_.end() && at->first < end) {
      const auto [from, to] = *at;
      if (to <= start) {
        ++at;
        continue;
      }
      at = ranges_.erase(at);
      if (from < start) ranges_.emplace(from, start);
      if (to > end) ranges_.emplace(end, to);
    }
  }

  bool contains(std::uint64_t start, std::uint64_t end) const {
    if (start >= end) return true;
    const std::lock_guard lock{mutex_};
    auto at = ranges_.upper_bound(start);
    if (at == ranges_.begin()) return false;
    return std::prev(at)->second >= end;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::uint64_t> ranges_;  // start → end
};

}  // namespace strandline
