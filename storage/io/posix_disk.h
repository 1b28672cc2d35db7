// The real disk: files under one root directory, through plain system calls.
//
// A crash of the process leaves every returned write in the kernel; a power loss leaves what was
// synced (files) and directory-synced (names).
//
// Thread   any. Using an open file takes its own uncontended mutex for the length of a pointer
// copy. Owns     the root's descriptor and at most Options::open_files_max others (more only while
// every
//          one of them has unsynced writes or is leased)
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "storage/io/disk.h"

namespace strandline {

class PosixDisk final : public Disk {
 public:
  struct Options {
    std::size_t open_files_max = 1024;
    bool create_root = true;  // with its missing parents
  };

  static Result<std::unique_ptr<PosixDisk>> open(const std::string& root, const Options& options);
  static Result<std::unique_ptr<PosixDisk>> open(const std::string& root) {
    return open(root, Options{});
  }
  ~PosixDisk() override;

  // A File may outlive its disk. It belongs to the file that had its path when it was opened: when
  // another one has taken the path since, a use that must reopen it fails with ESTALE.
  //
  // Errors   ENOENT, EEXIST as the mode says; EINVAL for a path that would leave the root
  Result<std::shared_ptr<File>> open(std::string_view path, OpenMode mode) override;

  Result<void> create_directories(std::string_view path) override;
  Result<std::vector<std::string>> list(std::string_view directory) override;
  Result<bool> exists(std::string_view path) override;
  Result<void> rename(std::string_view from, std::string_view to) override;
  Result<void> remove(std::string_view path) override;
  Result<void> remove_tree(std::string_view path) override;
  Result<void> sync_directory(std::string_view path) override;
  Result<DiskSpace> space() override;
  Result<std::unique_ptr<DirectoryLock>> lock(std::string_view path) override;

  const std::string& root() const { return root_; }

  // For metrics: descriptors open now, and how often the limit had to be exceeded.
  std::size_t open_files() const;
  std::uint64_t limit_exceeded() const;

  struct Shared;  // what files need after their disk is gone

 private:
  PosixDisk(std::string root, std::shared_ptr<Shared> shared);

  std::string root_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace strandline
