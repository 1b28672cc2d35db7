// Keeps the number of open descriptors under a limit. Each file has a slot; the cache closes the
// slots that were not used lately (second chance, a cheap stand-in for least recently used) when a
// new one needs room, and the file opens its slot again on the next use.
//
// A slot with unsynced writes is never closed (unless allow_close_unsynced() said that nobody
// asks): the kernel reports a failed write-back to descriptors that were open at the time. When
// nothing can be closed the limit is exceeded and counted, which beats refusing an append; the
// process limit leaves room for that.
//
// Thread   any; the way to an open descriptor takes the slot's own mutex and nothing else
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "storage/io/disk.h"

namespace strandline {

// An open descriptor, closed when the last lease on it goes.
class Descriptor final : public FdLease {
 public:
  using Count = std::shared_ptr<std::atomic<std::size_t>>;

  Descriptor(int fd, Count open_count);
  ~Descriptor() override;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int fd() const override { return fd_; }

 private:
  int fd_;
  Count open_count_;  // shared: a lease may outlive the disk
};

// A file's place in the cache. Not moved or copied while the cache knows it.
class DescriptorSlot {
 public:
  // The open descriptor, or null when it has to be opened. With `for_write` the slot counts as
  // unsynced from here on, so that no one closes it under the write.
  std::shared_ptr<const Descriptor> current(bool for_write);

  // Takes the descriptor unless another thread was faster; returns the one to use.
  std::shared_ptr<const Descriptor> adopt(std::shared_ptr<const Descriptor> opened, bool for_write,
                                          bool& adopted);

  // A write counts once before it starts and once after it ended, so that a sync in between leaves
  // the slot unsynced.
  void write_ended() { writes_.fetch_add(1, std::memory_order_release); }
  std::uint64_t writes() const { return writes_.load(std::memory_order_acquire); }
  void synced_up_to(std::uint64_t writes) { synced_.store(writes, std::memory_order_release); }
  // From here on unsynced writes do not keep it open.
  void allow_close_unsynced() { waits_for_sync_.store(false, std::memory_order_relaxed); }

 private:
  friend class DescriptorCache;
  static constexpr std::size_t kNotCached = static_cast<std::size_t>(-1);

  std::mutex mutex_;  // guards open_; writes_ grows under it when a write starts
  std::shared_ptr<const Descriptor> open_;
  std::atomic<std::uint64_t> writes_{0};
  std::atomic<std::uint64_t> synced_{0};
  std::atomic<bool> waits_for_sync_{true};
  std::atomic<bool> used_{false};
  std::size_t index_ = kNotCached;  // place in the cache's list; guarded by the cache's mutex
};

class DescriptorCache {
 public:
  explicit DescriptorCache(std::size_t open_max) : open_max_(open_max) {}

  // Closes idle slots until one more descriptor fits, if it can.
  void make_room();

  // Closes one idle slot. False when all are in use or unsynced.
  bool close_one();

  void add(DescriptorSlot& slot);
  void remove(DescriptorSlot& slot);  // needs: no other thread uses the slot's file any more

  const Descriptor::Count& counter() const { return open_count_; }
  std::size_t open_count() const { return open_count_->load(std::memory_order_relaxed); }
  std::uint64_t limit_exceeded() const { return limit_exceeded_.load(std::memory_order_relaxed); }

 private:
  bool close_one_locked();
  void erase_locked(DescriptorSlot& slot);

  const std::size_t open_max_;
  const Descriptor::Count open_count_ = std::make_shared<std::atomic<std::size_t>>(0);
  std::atomic<std::uint64_t> limit_exceeded_{0};
  std::mutex mutex_;  // taken before a slot's mutex, which is only tried here
  std::vector<DescriptorSlot*> slots_;
  std::size_t hand_ = 0;
};

}  // namespace strandline
