#include "storage/io/posix_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "protocol/base/errc.h"
#include "storage/io/page_cache.h"

namespace strandline {
namespace {

constexpr mode_t kFileMode = 0640;
// Longer than any read: what is asked for beyond it is "all there is".
constexpr std::uint64_t kLookBytesMax = std::uint64_t{1} << 30;
constexpr std::size_t kPiecesPerCall = 64;  // enough to amortise the call, small on the stack

// Repeats a call that a signal interrupted.
template <class Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

// Cuts what was written off the front of the vectors; returns the first that is left.
std::size_t skip_written(std::span<iovec> vectors, std::size_t first, std::size_t written) {
  while (first < vectors.size() && written >= vectors[first].iov_len) {
    written -= vectors[first].iov_len;
    ++first;
  }
  if (written > 0) {
    vectors[first].iov_base = static_cast<std::byte*>(vectors[first].iov_base) + written;
    vectors[first].iov_len -= written;
  }
  return first;
}

Result<void> write_vectors(int fd, std::uint64_t& position, std::span<iovec> vectors) {
  std::size_t first = skip_written(vectors, 0, 0);  // empty pieces
  while (first < vectors.size()) {
    const ssize_t written = uninterrupted([&] {
      return ::pwritev(fd, &vectors[first], static_cast<int>(vectors.size() - first),
                       static_cast<off_t>(position));
    });
    if (written < 0) return last_system_error();
    if (written == 0) return ErrorCode{EIO, boost::system::system_category()};
    position += static_cast<std::uint64_t>(written);
    first = skip_written(vectors, first, static_cast<std::size_t>(written));
  }
  return success();
}

}  // namespace

ErrorCode last_system_error() { return {errno, boost::system::system_category()}; }

PosixDisk::Shared::~Shared() { ::close(root_fd); }

PosixFile::PosixFile(std::shared_ptr<PosixDisk::Shared> shared, std::string path, int reopen_flags)
    : shared_(std::move(shared)), path_(std::move(path)), reopen_flags_(reopen_flags) {}

PosixFile::~PosixFile() { shared_->cache.remove(slot_); }

Result<std::shared_ptr<File>> PosixFile::open(std::shared_ptr<PosixDisk::Shared> shared,
                                              std::string path, int flags) {
  auto file =
      std::make_shared<PosixFile>(std::move(shared), std::move(path), flags & ~(O_CREAT | O_EXCL));
  STRANDLINE_TRY(auto lease, file->open_with(flags));
  struct stat status{};
  if (::fstat(lease->fd(), &status) != 0) return last_system_error();
  if (!S_ISREG(status.st_mode)) return ErrorCode{EISDIR, boost::system::system_category()};
  file->device_ = status.st_dev;
  file->inode_ = status.st_ino;
  bool adopted = false;
  file->slot_.adopt(std::move(lease), false, adopted);
  file->shared_->cache.add(file->slot_);
  return std::shared_ptr<File>{std::move(file)};
}

Result<PosixFile::Lease> PosixFile::open_with(int flags) const {
  shared_->cache.make_room();
  for (;;) {
    const int fd = uninterrupted(
        [&] { return ::openat(shared_->root_fd, path_.c_str(), flags | O_CLOEXEC, kFileMode); });
    if (fd >= 0) return std::make_shared<const Descriptor>(fd, shared_->cache.counter());
    const int why = errno;
    const bool out_of_descriptors = why == EMFILE || why == ENFILE;
    if (!out_of_descriptors || !shared_->cache.close_one()) {
      return ErrorCode{why, boost::system::system_category()};
    }
  }
}

Result<PosixFile::Lease> PosixFile::open_again(bool for_write) const {
  STRANDLINE_TRY(auto opened, open_with(reopen_flags_));
  struct stat status{};
  if (::fstat(opened->fd(), &status) != 0) return last_system_error();
  if (status.st_dev != device_ || status.st_ino != inode_) {
    return ErrorCode{ESTALE, boost::system::system_category()};
  }
  bool adopted = false;
  auto lease = slot_.adopt(std::move(opened), for_write, adopted);
  if (adopted) shared_->cache.add(slot_);
  return lease;
}

Result<PosixFile::Lease> PosixFile::descriptor(bool for_write) const {
  if (auto lease = slot_.current(for_write)) return lease;
  return open_again(for_write);
}

Result<std::size_t> PosixFile::read_at(std::uint64_t position, MutableByteView to) const {
  STRANDLINE_TRY(auto lease, descriptor());
  std::size_t done = 0;
  while (done < to.size()) {
    const ssize_t got = uninterrupted([&] {
      return ::pread(lease->fd(), to.data() + done, to.size() - done,
                     static_cast<off_t>(position + done));
    });
    if (got < 0) return last_system_error();
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

Result<std::size_t> PosixFile::read_at_nowait(std::uint64_t position, MutableByteView to) const {
  if (!shared_->has_nowait.load(std::memory_order_relaxed)) return read_if_cached(position, to);
  STRANDLINE_TRY(auto lease, descriptor());
  std::size_t done = 0;
  while (done < to.size()) {
    iovec rest{to.data() + done, to.size() - done};
    const ssize_t got = uninterrupted([&] {
      return ::preadv2(lease->fd(), &rest, 1, static_cast<off_t>(position + done), RWF_NOWAIT);
    });
    if (got == 0) break;
    if (got > 0) {
      done += static_cast<std::size_t>(got);
      continue;
    }
    if (errno == EOPNOTSUPP) {
      shared_->has_nowait.store(false, std::memory_order_relaxed);
      return read_if_cached(position, to);
    }
    if (errno != EAGAIN) return last_system_error();
    // Some kernels answer EAGAIN at the end of the file, where there is nothing to wait for.
    STRANDLINE_TRY(const std::uint64_t end, size());
    if (position + done >= end) break;
    return Errc::would_block;
  }
  return done;
}

// Without RWF_NOWAIT: a look first, then a plain read, which waits if a page went in between.
Result<std::size_t> PosixFile::read_if_cached(std::uint64_t position, MutableByteView to) const {
  if (!is_cached(position, to.size())) return Errc::would_block;
  return read_at(position, to);
}

Result<void> PosixFile::write_at(std::uint64_t position, std::span<const ByteView> pieces) {
  STRANDLINE_TRY(auto lease, descriptor(true));
  std::array<iovec, kPiecesPerCall> vectors{};
  Result<void> outcome = success();
  while (!pieces.empty() && outcome.has_value()) {
    const std::size_t count = std::min(pieces.size(), kPiecesPerCall);
    for (std::size_t i = 0; i < count; ++i) {
      vectors[i] = {const_cast<std::byte*>(pieces[i].data()), pieces[i].size()};
    }
    outcome = write_vectors(lease->fd(), position, std::span{vectors}.first(count));
    pieces = pieces.subspan(count);
  }
  slot_.write_ended();
  return outcome;
}

Result<void> PosixFile::sync() {
  if (const int why = sync_errno_.load()) return ErrorCode{why, boost::system::system_category()};
  STRANDLINE_TRY(auto lease, descriptor());
  const std::uint64_t covered = slot_.writes();
  if (uninterrupted([&] { return ::fdatasync(lease->fd()); }) != 0) {
    const ErrorCode error = last_system_error();
    sync_errno_.store(error.value());
    return error;
  }
  slot_.synced_up_to(covered);
  return success();
}

Result<std::uint64_t> PosixFile::size() const {
  STRANDLINE_TRY(auto lease, descriptor());
  struct stat status{};
  if (::fstat(lease->fd(), &status) != 0) return last_system_error();
  return static_cast<std::uint64_t>(status.st_size);
}

Result<void> PosixFile::truncate(std::uint64_t size) {
  STRANDLINE_TRY(auto lease, descriptor(true));
  const int done =
      uninterrupted([&] { return ::ftruncate(lease->fd(), static_cast<off_t>(size)); });
  const ErrorCode error = done == 0 ? ErrorCode{} : last_system_error();
  slot_.write_ended();
  if (error.failed()) return error;
  return success();
}

Result<void> PosixFile::allocate(std::uint64_t position, std::uint64_t length) {
  if (length == 0) return success();
  STRANDLINE_TRY(auto lease, descriptor());
  const int done = uninterrupted([&] {
    return ::fallocate(lease->fd(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(position),
                       static_cast<off_t>(length));
  });
  if (done != 0 && errno != EOPNOTSUPP) return last_system_error();
  return success();
}

void PosixFile::start_writeback(std::uint64_t position, std::uint64_t length) {
  if (length == 0) return;  // to the kernel 0 means "to the end"
  const auto lease = descriptor();
  if (!lease.has_value()) return;
  // A hint: the sync that follows reports what went wrong.
  ::sync_file_range(lease.value()->fd(), static_cast<off_t>(position), static_cast<off_t>(length),
                    SYNC_FILE_RANGE_WRITE);
}

void PosixFile::drop_cache(std::uint64_t position, std::uint64_t length) {
  if (length == 0) return;
  const auto lease = descriptor();
  if (!lease.has_value()) return;
  // The kernel keeps what the range covers in part: widen it to the largest unit it caches in.
  const PageRange pages = folios_around(position, length);
  ::posix_fadvise(lease.value()->fd(), static_cast<off_t>(pages.start),
                  static_cast<off_t>(pages.length), POSIX_FADV_DONTNEED);
}

void PosixFile::read_ahead(std::uint64_t position, std::uint64_t length) {
  if (length == 0) return;
  const auto lease = descriptor();
  if (!lease.has_value()) return;
  ::posix_fadvise(lease.value()->fd(), static_cast<off_t>(position), static_cast<off_t>(length),
                  POSIX_FADV_WILLNEED);
}

bool PosixFile::is_cached(std::uint64_t position, std::uint64_t length) const {
  const auto lease = descriptor();
  if (!lease.has_value()) return false;
  // Nearly always asked for what lies in the file: then its size need not be known.
  if (length <= kLookBytesMax && in_memory(lease.value()->fd(), position, length)) return true;
  const auto end = size();
  if (!end.has_value()) return false;
  if (position >= end.value() || length == 0) return true;
  return in_memory(lease.value()->fd(), position, std::min(length, end.value() - position));
}

bool PosixFile::in_memory(int fd, std::uint64_t position, std::uint64_t length) const {
  if (shared_->has_cachestat.load(std::memory_order_relaxed)) {
    if (const auto answer = cached_by_cachestat(fd, position, length)) return *answer;
    shared_->has_cachestat.store(false, std::memory_order_relaxed);
  }
  return cached_by_mincore(fd, position, length);
}

Result<std::shared_ptr<const FdLease>> PosixFile::lease() const {
  STRANDLINE_TRY(auto lease, descriptor());
  return std::shared_ptr<const FdLease>{std::move(lease)};
}

}  // namespace strandline
