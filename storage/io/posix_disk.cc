#include "storage/io/posix_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "protocol/base/errc.h"
#include "storage/io/path.h"
#include "storage/io/posix_file.h"

namespace strandline {
namespace {

constexpr mode_t kDirectoryMode = 0750;

struct OwnedFd {
  int fd = -1;
  explicit OwnedFd(int descriptor) : fd(descriptor) {}
  ~OwnedFd() {
    if (fd >= 0) ::close(fd);
  }
  OwnedFd(const OwnedFd&) = delete;
  OwnedFd& operator=(const OwnedFd&) = delete;
};

class FileLock final : public DirectoryLock {
 public:
  explicit FileLock(int fd) : fd_(fd) {}

 private:
  OwnedFd fd_;  // closing it lets go of the lock
};

ErrorCode system_error(int number) { return {number, boost::system::system_category()}; }

int open_flags(OpenMode mode) {
  switch (mode) {
    case OpenMode::read: return O_RDONLY;
    case OpenMode::read_write: return O_RDWR;
    case OpenMode::create_new: return O_RDWR | O_CREAT | O_EXCL;
    case OpenMode::create_or_open: return O_RDWR | O_CREAT;
  }
  return O_RDONLY;
}

Result<void> sync_directory_at(int base, const std::string& path) {
  const OwnedFd directory{::openat(base, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (directory.fd < 0) return last_system_error();
  while (::fsync(directory.fd) != 0) {
    if (errno != EINTR) return last_system_error();
  }
  return success();
}

// Makes one directory after the other; `synced_parents` also makes each new name durable.
Result<void> make_directories(int base, const std::string& path, bool sync_parents) {
  for (std::size_t end = 1; end <= path.size(); ++end) {
    if (end < path.size() && path[end] != '/') continue;
    const std::string step = path.substr(0, end);
    if (::mkdirat(base, step.c_str(), kDirectoryMode) == 0) {
      if (sync_parents) {
        const std::size_t slash = step.rfind('/');
        const std::string parent = slash == std::string::npos ? "." : step.substr(0, slash + 1);
        STRANDLINE_TRYV(sync_directory_at(base, parent));
      }
      continue;
    }
    if (errno != EEXIST) return last_system_error();
    struct stat status{};
    if (::fstatat(base, step.c_str(), &status, 0) != 0) return last_system_error();
    if (!S_ISDIR(status.st_mode)) return system_error(ENOTDIR);
  }
  return success();
}

// Reads the entries of an open directory; takes the descriptor. `each(name, is_directory)`.
template <class Each>
Result<void> for_each_entry(int fd, Each each) {
  DIR* stream = ::fdopendir(fd);
  if (stream == nullptr) {
    const ErrorCode error = last_system_error();
    ::close(fd);
    return error;
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> closing{stream, ::closedir};
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream);
    if (entry == nullptr) {
      if (errno != 0) return last_system_error();
      return success();
    }
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    bool is_directory = entry->d_type == DT_DIR;
    if (entry->d_type == DT_UNKNOWN) {
      struct stat status{};
      if (::fstatat(::dirfd(stream), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
      is_directory = S_ISDIR(status.st_mode);
    }
    STRANDLINE_TRYV(each(::dirfd(stream), name, is_directory));
  }
}

Result<void> remove_tree_at(int base, const std::string& name) {
  const int fd = ::openat(base, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) {
    if (errno == ENOENT) return success();
    return last_system_error();
  }
  const auto remove_entry = [](int at, const std::string& entry, bool is_directory) {
    if (is_directory) return remove_tree_at(at, entry);
    if (::unlinkat(at, entry.c_str(), 0) != 0 && errno != ENOENT) {
      return Result<void>{last_system_error()};
    }
    return Result<void>{success()};
  };
  STRANDLINE_TRYV(for_each_entry(fd, remove_entry));
  if (::unlinkat(base, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
    return last_system_error();
  }
  return success();
}

}  // namespace

Result<std::unique_ptr<PosixDisk>> PosixDisk::open(const std::string& root,
                                                   const Options& options) {
  if (root.empty()) return system_error(EINVAL);
  if (options.create_root) {
    STRANDLINE_TRYV(make_directories(AT_FDCWD, root, true));
  }
  const int fd = ::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return last_system_error();
  auto shared = std::make_shared<Shared>(fd, options.open_files_max);
  return std::unique_ptr<PosixDisk>{new PosixDisk{root, std::move(shared)}};
}

PosixDisk::PosixDisk(std::string root, std::shared_ptr<Shared> shared)
    : root_(std::move(root)), shared_(std::move(shared)) {}

PosixDisk::~PosixDisk() = default;

Result<std::shared_ptr<File>> PosixDisk::open(std::string_view path, OpenMode mode) {
  STRANDLINE_TRY(auto inside, path_inside_root(path));
  return PosixFile::open(shared_, std::move(inside), open_flags(mode));
}

Result<void> PosixDisk::create_directories(std::string_view path) {
  STRANDLINE_TRY(auto inside, path_inside_root(path));
  return make_directories(shared_->root_fd, inside, false);
}

Result<std::vector<std::string>> PosixDisk::list(std::string_view directory) {
  STRANDLINE_TRY(auto inside, path_inside_root(directory));
  const int fd = ::openat(shared_->root_fd, inside.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return last_system_error();
  std::vector<std::string> names;
  const auto add_name = [&](int, const std::string& name, bool is_directory) {
    names.push_back(is_directory ? name + "/" : name);
    return Result<void>{success()};
  };
  STRANDLINE_TRYV(for_each_entry(fd, add_name));
  std::sort(names.begin(), names.end());
  return names;
}

Result<bool> PosixDisk::exists(std::string_view path) {
  STRANDLINE_TRY(auto inside, path_inside_root(path));
  if (::faccessat(shared_->root_fd, inside.c_str(), F_OK, 0) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return last_system_error();
}

Result<void> PosixDisk::rename(std::string_view from, std::string_view to) {
  STRANDLINE_TRY(auto from_inside, path_inside_root(from));
  STRANDLINE_TRY(auto to_inside, path_inside_root(to));
  if (::renameat(shared_->root_fd, from_inside.c_str(), shared_->root_fd, to_inside.c_str()) != 0) {
    return last_system_error();
  }
  return success();
}

Result<void> PosixDisk::remove(std::string_view path) {
  STRANDLINE_TRY(auto inside, path_inside_root(path));
  if (::unlinkat(shared_->root_fd, inside.c_str(), 0) != 0 && errno != ENOENT) {
    return last_system_error();
  }
  return success();
}

Result<void> PosixDisk::remove_tree(std::string_view path) {
  STRANDLINE_TRY(auto inside, path_inside_root(path));
  if (inside == ".") return system_error(EINVAL);
  return remove_tree_at(shared_->root_fd, inside);
}

Result<void> PosixDisk::sync_directory(std::string_view path) {
  STRANDLINE_TRY(auto inside, path_inside_root(path));
  return sync_directory_at(shared_->root_fd, inside);
}

Result<DiskSpace> PosixDisk::space() {
  struct statvfs status{};
  if (::fstatvfs(shared_->root_fd, &status) != 0) return last_system_error();
  return DiskSpace{.total_bytes = std::uint64_t{status.f_blocks} * status.f_frsize,
                   .available_bytes = std::uint64_t{status.f_bavail} * status.f_frsize};
}

Result<std::unique_ptr<DirectoryLock>> PosixDisk::lock(std::string_view path) {
  STRANDLINE_TRY(auto inside, path_inside_root(path));
  const int fd = ::openat(shared_->root_fd, inside.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0) return last_system_error();
  auto lock = std::make_unique<FileLock>(fd);
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) return Errc::directory_locked;
    return last_system_error();
  }
  return std::unique_ptr<DirectoryLock>{std::move(lock)};
}

std::size_t PosixDisk::open_files() const { return shared_->cache.open_count(); }
std::uint64_t PosixDisk::limit_exceeded() const { return shared_->cache.limit_exceeded(); }

}  // namespace strandline
