// The two disks, each made new for one test.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "storage/io/posix_disk.h"
#include "storage/io/sim_disk.h"

namespace strandline {

// A directory of its own under the system's temporary one, removed at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// With three descriptors for all files, so that every test also reopens some.
class PosixDiskUnderTest {
 public:
  explicit PosixDiskUnderTest(std::size_t open_files_max = 3);

  PosixDisk& disk() { return *disk_; }
  const std::string& root() const { return directory_.path(); }
  bool can_drop_cache() const;  // not on tmpfs

 private:
  TemporaryDirectory directory_;
  std::unique_ptr<PosixDisk> disk_;
};

class SimDiskUnderTest {
 public:
  SimDisk& disk() { return disk_; }
  bool can_drop_cache() const { return true; }

 private:
  SimDisk disk_{41};
};

}  // namespace strandline
