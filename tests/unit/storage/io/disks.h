// The two disks, each made new for one test.
#pragma once

#include <memory>
#include <string>

#include "storage/io/posix_disk.h"
#include "storage/io/sim_disk.h"

namespace strandline {

// A directory of its own in /var/tmp, removed at the end. Not in /tmp, which may be a tmpfs: its
// pages cannot be dropped, for they have no other place.
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

 private:
  TemporaryDirectory directory_;
  std::unique_ptr<PosixDisk> disk_;
};

class SimDiskUnderTest {
 public:
  SimDisk& disk() { return disk_; }

 private:
  SimDisk disk_{41};
};

}  // namespace strandline
