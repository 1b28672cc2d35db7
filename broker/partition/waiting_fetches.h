// The long polls of one shard that wait for data, by number: partitions on other shards remember
// the number, not the fetch, so that a fetch may end at any time.
//
// Thread   the shard
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <utility>

namespace strandline {

class WaitingFetches {
 public:
  // wake   called when a partition of the fetch has moved; may call remove()
  std::uint64_t add(std::function<void()> wake) {
    fetches_.emplace(++last_, std::move(wake));
    return last_;
  }
  void remove(std::uint64_t fetch) { fetches_.erase(fetch); }

  // Does nothing for a fetch that has ended.
  void wake(std::uint64_t fetch) {
    const auto found = fetches_.find(fetch);
    if (found == fetches_.end()) return;
    const std::function<void()> wake = found->second;
    wake();
  }

  std::size_t size() const { return fetches_.size(); }

 private:
  std::unordered_map<std::uint64_t, std::function<void()>> fetches_;
  std::uint64_t last_ = 0;
};

}  // namespace strandline
