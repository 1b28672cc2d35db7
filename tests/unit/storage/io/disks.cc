#include "tests/unit/storage/io/disks.h"

#include <stdlib.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace strandline {

TemporaryDirectory::TemporaryDirectory() : path_("/var/tmp/strandline-test-XXXXXX") {
  if (::mkdtemp(path_.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), path_);
  }
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;  // a leftover fails no test
  std::filesystem::remove_all(path_, ignored);
}

PosixDiskUnderTest::PosixDiskUnderTest(std::size_t open_files_max)
    : disk_(PosixDisk::open(directory_.path(), {.open_files_max = open_files_max}).value()) {}

}  // namespace strandline
