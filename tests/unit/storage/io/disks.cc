#include "tests/unit/storage/io/disks.h"

#include <stdlib.h>
#include <sys/vfs.h>

#include <cerrno>
#include <system_error>

namespace strandline {

TemporaryDirectory::TemporaryDirectory()
    : path_((std::filesystem::temp_directory_path() / "strandline-test-XXXXXX").string()) {
  if (::mkdtemp(path_.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), path_);
  }
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;  // a leftover in /tmp fails no test
  std::filesystem::remove_all(path_, ignored);
}

PosixDiskUnderTest::PosixDiskUnderTest(std::size_t open_files_max)
    : disk_(PosixDisk::open(directory_.path(), {.open_files_max = open_files_max}).value()) {}

bool PosixDiskUnderTest::can_drop_cache() const {
  constexpr auto kTmpfsMagic = 0x01021994;
  struct statfs status{};
  return ::statfs(directory_.path().c_str(), &status) == 0 && status.f_type != kTmpfsMagic;
}

}  // namespace strandline
