// A request that names partitions, worked on by the shards that own them: cut into one part for
// each shard, sent there, and put together again where it came from.
//
// Derived gives:
//   ShardIndex shard_of(const Item&)         where an item belongs
//   void run(Shard&, Part&, Item&)           on that shard; calls item_done(part) once, now or
//                                            later
//   void gathered()                          on the home shard, when all items are done
//   void goes_to(std::optional<ShardIndex>)  before the parts leave: the shard that gets them all;
//                                            may be left out
//
// An item is touched by one shard at a time: the home shard before scatter() and after gathered(),
// its own in between. The operation lives on its home shard, keeps itself alive until everything
// has come back, and is destroyed there.
//
// Thread   see above
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <vector>

#include "broker/partition/shard.h"
#include "protocol/base/assertion.h"

namespace strandline {

template <class Derived, class Item>
class PartitionedOp : public std::enable_shared_from_this<Derived> {
 public:
  struct Part {
    Derived* op;
    Shard* owner;
    std::vector<std::uint32_t> items;
    std::uint32_t open = 0;   // items not done yet; the owner's to count
    std::uint64_t bytes = 0;  // for Derived: what this part has gathered, on the owner's thread
  };

  explicit PartitionedOp(Shard& home) : home_(home) {}

  Shard& home() const { return home_; }
  std::vector<Item>& items() { return items_; }
  const std::vector<Item>& items() const { return items_; }

  // Runs all items for which `wanted` is true; ends in gathered(), which may be inside this call.
  template <class Wanted>
  void scatter(Wanted wanted) {
    STRANDLINE_ASSERT(parts_out_ == 0);
    self_ = this->shared_from_this();
    std::vector<std::unique_ptr<Part>> parts(home_.peer_count());
    for (std::uint32_t i = 0; i < items_.size(); ++i) {
      if (!wanted(items_[i])) continue;
      auto& part = parts[derived().shard_of(items_[i])];
      if (part == nullptr) part = std::make_unique<Part>(Part{&derived(), nullptr, {}, 0});
      part->items.push_back(i);
    }
    const auto used = [](const auto& part) { return part != nullptr; };
    const auto first = std::find_if(parts.begin(), parts.end(), used);
    if (first != parts.end()) {
      const bool alone = std::none_of(std::next(first), parts.end(), used);
      const auto shard = static_cast<ShardIndex>(first - parts.begin());
      derived().goes_to(alone ? std::optional{shard} : std::nullopt);
    }
    // Held open until all parts are under way, or the first could finish the whole.
    parts_out_ = 1;
    for (std::size_t shard = 0; shard < parts.size(); ++shard) {
      if (parts[shard] != nullptr) send_out(home_.peer(shard), std::move(parts[shard]));
    }
    part_returned();
  }
  void scatter() {
    scatter([](const Item&) { return true; });
  }

  void goes_to(std::optional<ShardIndex>) {}

  // On the part's own shard.
  static void item_done(Part& part) {
    STRANDLINE_ASSERT(part.open > 0);
    if (--part.open > 0) return;
    std::unique_ptr<Part> done{&part};
    Shard& home = done->op->home_;
    if (&home == done->owner) {
      done->op->part_returned();
    } else {
      home.loop().post([part = std::move(done)] { part->op->part_returned(); });
    }
  }

 private:
  Derived& derived() { return static_cast<Derived&>(*this); }

  void send_out(Shard& shard, std::unique_ptr<Part> part) {
    ++parts_out_;
    part->owner = &shard;
    part->open = static_cast<std::uint32_t>(part->items.size());
    if (&shard == &home_) {
      run_part(part.release());
    } else {
      shard.loop().post([part = std::move(part)]() mutable { run_part(part.release()); });
    }
  }

  // The part owns itself from here on: item_done() of its last item takes it back.
  static void run_part(Part* part) {
    ++part->open;
    Derived& op = *part->op;
    const std::vector<std::uint32_t> indexes = part->items;
    for (const std::uint32_t index : indexes) op.run(*part->owner, *part, op.items_[index]);
    item_done(*part);
  }

  void part_returned() {
    STRANDLINE_ASSERT(parts_out_ > 0);
    if (--parts_out_ > 0) return;
    const auto alive = std::move(self_);
    derived().gathered();
  }

  Shard& home_;
  std::vector<Item> items_;
  std::shared_ptr<Derived> self_;
  std::size_t parts_out_ = 0;
};

}  // namespace strandline
