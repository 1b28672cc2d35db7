#include "storage/io/descriptor_cache.h"

#include <unistd.h>

#include "protocol/base/assertion.h"

namespace strandline {

Descriptor::Descriptor(int fd, Count open_count) : fd_(fd), open_count_(std::move(open_count)) {
  open_count_->fetch_add(1, std::memory_order_relaxed);
}

Descriptor::~Descriptor() {
  // An error of close() has no one to go to: what had to be durable was synced, and failed there.
  ::close(fd_);
  open_count_->fetch_sub(1, std::memory_order_relaxed);
}

std::shared_ptr<const Descriptor> DescriptorSlot::current(bool for_write) {
  const std::lock_guard lock{mutex_};
  if (open_ == nullptr) return nullptr;
  used_.store(true, std::memory_order_relaxed);
  if (for_write) writes_.fetch_add(1, std::memory_order_relaxed);
  return open_;
}

std::shared_ptr<const Descriptor> DescriptorSlot::adopt(std::shared_ptr<const Descriptor> opened,
                                                        bool for_write, bool& adopted) {
  const std::lock_guard lock{mutex_};
  adopted = open_ == nullptr;
  if (adopted) open_ = std::move(opened);
  used_.store(true, std::memory_order_relaxed);
  if (for_write) writes_.fetch_add(1, std::memory_order_relaxed);
  return open_;
}

void DescriptorCache::make_room() {
  if (open_count() < open_max_) return;
  const std::lock_guard lock{mutex_};
  while (open_count() >= open_max_) {
    if (close_one_locked()) continue;
    limit_exceeded_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
}

bool DescriptorCache::close_one() {
  const std::lock_guard lock{mutex_};
  return close_one_locked();
}

bool DescriptorCache::close_one_locked() {
  // Two rounds: the first may only take second chances away.
  for (std::size_t step = 2 * slots_.size(); step > 0 && !slots_.empty(); --step) {
    hand_ = hand_ + 1 < slots_.size() ? hand_ + 1 : 0;
    DescriptorSlot& slot = *slots_[hand_];
    if (slot.used_.exchange(false, std::memory_order_relaxed)) continue;
    std::shared_ptr<const Descriptor> closing;
    {
      const std::unique_lock slot_lock{slot.mutex_, std::try_to_lock};
      if (!slot_lock.owns_lock()) continue;
      if (slot.waits_for_sync_ && slot.writes_.load() != slot.synced_.load()) continue;
      closing = std::move(slot.open_);
    }
    erase_locked(slot);
    return true;  // a lease may keep the descriptor itself open for a while
  }
  return false;
}

void DescriptorCache::add(DescriptorSlot& slot) {
  const std::lock_guard lock{mutex_};
  STRANDLINE_ASSERT(slot.index_ == DescriptorSlot::kNotCached);
  slot.index_ = slots_.size();
  slots_.push_back(&slot);
}

void DescriptorCache::remove(DescriptorSlot& slot) {
  const std::lock_guard lock{mutex_};
  if (slot.index_ != DescriptorSlot::kNotCached) erase_locked(slot);
}

void DescriptorCache::erase_locked(DescriptorSlot& slot) {
  DescriptorSlot* last = slots_.back();
  slots_[slot.index_] = last;
  last->index_ = slot.index_;
  slots_.pop_back();
  slot.index_ = DescriptorSlot::kNotCached;
}

}  // namespace strandline
