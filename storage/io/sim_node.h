// The nodes and the files of SimDisk. Only sim_disk.cc and sim_file.cc include this.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "storage/io/sim_content.h"
#include "storage/io/sim_disk.h"

namespace strandline {

struct SimDisk::Node {
  using Names = std::map<std::string, std::shared_ptr<Node>, std::less<>>;

  bool is_directory = false;
  SimContent content;   // of a file
  Names names;          // of a directory, as the running system sees them
  Names durable_names;  // and as a power loss leaves them
};

class SimFile final : public File {
 public:
  SimFile(SimDisk& disk, std::string path, std::shared_ptr<SimDisk::Node> node, bool writable);

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
  Result<std::shared_ptr<const FdLease>> lease() const override;

 private:
  // SimDisk::begin, and EIO for files from before a crash, EBADF for writes to read-only ones.
  Result<void> begin(DiskCall call, std::unique_lock<std::mutex>& lock, bool writes = false) const;
  // Takes the mutex; false for files from before a crash.
  bool alive(std::unique_lock<std::mutex>& lock) const;

  SimDisk& disk_;
  const std::string path_;
  const std::shared_ptr<SimDisk::Node> node_;
  const bool writable_;
  const std::uint64_t generation_;
};

}  // namespace strandline
