// A file of PosixDisk. Only posix_disk.cc includes this.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "storage/io/descriptor_cache.h"
#include "storage/io/posix_disk.h"

namespace strandline {

struct PosixDisk::Shared {
  explicit Shared(int root_descriptor, std::size_t open_max)
      : root_fd(root_descriptor), cache(open_max) {}
  ~Shared();
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;

  const int root_fd;
  DescriptorCache cache;
  // What this kernel and file system lack is found out by the first call and then remembered.
  std::atomic<bool> has_nowait{true};     // preadv2(RWF_NOWAIT)
  std::atomic<bool> has_cachestat{true};  // Linux 6.5
};

// The last system error as an ErrorCode.
ErrorCode last_system_error();

class PosixFile final : public File {
 public:
  // Opens (and as the flags say creates) the file now, so that a missing one is told at once.
  static Result<std::shared_ptr<File>> open(std::shared_ptr<PosixDisk::Shared> shared,
                                            std::string path, int flags);
  PosixFile(std::shared_ptr<PosixDisk::Shared> shared, std::string path, int reopen_flags);
  ~PosixFile() override;

  const std::string& path() const override { return path_; }
  Result<std::size_t> read_at(std::uint64_t position, MutableByteView to) const override;
  Result<std::size_t> read_at_nowait(std::uint64_t position, MutableByteView to) const override;
  Result<void> write_at(std::uint64_t position, std::span<const ByteView> pieces) override;
  Result<void> sync() override;
  Result<std::uint64_t> size() const override;
  Result<void> truncate(std::uint64_t size) override;
  Result<void> allocate(std::uint64_t position, std::uint64_t length) override;
  void start_writeback(std::uint64_t position, std::uint64_t length) override;
  void drop_cache(std::uint64_t position, std::uint64_t length) override;
  void read_ahead(std::uint64_t position, std::uint64_t length) override;
  bool is_cached(std::uint64_t position, std::uint64_t length) const override;
  void allow_close_unsynced() override { slot_.allow_close_unsynced(); }
  Result<std::shared_ptr<const FdLease>> lease() const override;

 private:
  using Lease = std::shared_ptr<const Descriptor>;

  Result<Lease> descriptor(bool for_write = false) const;
  Result<Lease> open_again(bool for_write) const;
  Result<Lease> open_with(int flags) const;
  bool in_memory(int fd, std::uint64_t position, std::uint64_t length) const;
  Result<std::size_t> read_if_cached(std::uint64_t position, MutableByteView to) const;

  const std::shared_ptr<PosixDisk::Shared> shared_;
  const std::string path_;
  const int reopen_flags_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::atomic<int> sync_errno_{0};  // the first failed sync; never left again
  mutable DescriptorSlot slot_;
};

}  // namespace strandline
