// The states that were seen, as their fingerprints: 16 bytes each, in one table that doubles.
//
// Thread   one owner
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "tests/sim/search/world.h"

namespace strandline::partition_search {

class StateSet {
 public:
  std::size_t size() const { return size_; }

  // False: it was there.
  bool insert(const Fingerprint& state) {
    if (size_ * 8 >= slots_.size() * 7) grow();
    return place(state);
  }

 private:
  // All zeros is an empty slot; a state that looks so is as good as any other with this one.
  static Fingerprint filled(Fingerprint state) {
    if (state == Fingerprint{}) state.second = 1;
    return state;
  }

  bool place(const Fingerprint& state) {
    const Fingerprint wanted = filled(state);
    std::size_t at = wanted.first & (slots_.size() - 1);
    while (slots_[at] != Fingerprint{}) {
      if (slots_[at] == wanted) return false;
      at = (at + 1) & (slots_.size() - 1);
    }
    slots_[at] = wanted;
    ++size_;
    return true;
  }

  void grow() {
    const std::vector<Fingerprint> old = std::exchange(slots_, {});
    slots_.resize(old.empty() ? 1024 : old.size() * 2);
    size_ = 0;
    for (const Fingerprint& state : old) {
      if (state != Fingerprint{}) place(state);
    }
  }

  std::vector<Fingerprint> slots_;
  std::size_t size_ = 0;
};

}  // namespace strandline::partition_search
