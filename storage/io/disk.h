// The one seam between storage and the operating system. PosixDisk is the real one; SimDisk forgets
// unsynced bytes, tears writes, fails, fills up and flips bits for the tests. Both pass one
// contract suite (tests/unit/storage/io).
//
// Paths are relative to the disk's root directory, '/'-separated, and never leave it.
//
// Thread   Disk and File: any thread, also at once. Two writes to one file, or a write and a
//          truncate, must not overlap in time (a log's owner sees to that).
#pragma once

#include <cerrno>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

namespace strandline {

// A borrowed descriptor: stays open while the lease lives, also when the disk closes idle files.
class FdLease {
 public:
  virtual ~FdLease() = default;
  virtual int fd() const = 0;
};

// One file by its name. Holding a File does not hold a descriptor: the disk keeps at most its limit
// open and reopens on demand (least recently used closes first, never one with unsynced writes).
// Once its path was renamed or removed, a File may fail with any I/O code, but never shows another
// file's bytes; leases and the bytes behind them stay.
class File {
 public:
  virtual ~File() = default;

  virtual const std::string& path() const = 0;

  // Reads up to to.size() bytes at `position`; fewer only at the end of the file.
  //
  // Errors   any I/O code
  virtual Result<std::size_t> read_at(std::uint64_t position, MutableByteView to) const = 0;

  // The same without waiting for the device. Where the file system cannot promise that (no
  // RWF_NOWAIT), a look at the page cache decides, and a page dropped in between costs a wait.
  //
  // Errors   would_block   some of the bytes are not in memory; nothing is promised about `to`
  virtual Result<std::size_t> read_at_nowait(std::uint64_t position, MutableByteView to) const = 0;

  // Writes all pieces one after the other at `position`. A short write is continued; on an error
  // the range may hold any mix of old and new bytes.
  //
  // Errors   any I/O code (no space, quota, file size limit, device)
  virtual Result<void> write_at(std::uint64_t position, std::span<const ByteView> pieces) = 0;
  Result<void> write_at(std::uint64_t position, ByteView bytes) {
    return write_at(position, std::span<const ByteView>{&bytes, 1});
  }

  // fdatasync: when it succeeds, every write that returned before the call survives a power loss,
  // and so does the size of the file. After a failure the file must not be synced again: the
  // kernel may have dropped the dirty pages. (PosixDisk then answers every later sync of this File
  // with the first error.)
  virtual Result<void> sync() = 0;

  virtual Result<std::uint64_t> size() const = 0;
  virtual Result<void> truncate(std::uint64_t size) = 0;

  // Makes room for `length` bytes from `position` without changing the size; does nothing on file
  // systems that cannot.
  virtual Result<void> allocate(std::uint64_t position, std::uint64_t length) = 0;

  // Starts writing dirty pages of the range to the device without waiting (sync_file_range); no
  // promise of durability.
  virtual void start_writeback(std::uint64_t position, std::uint64_t length) = 0;

  // Drops the clean cached pages that the range touches (and perhaps neighbours), so that the next
  // read asks the device.
  virtual void drop_cache(std::uint64_t position, std::uint64_t length) = 0;

  // Asks the kernel to read the range ahead, without waiting.
  virtual void read_ahead(std::uint64_t position, std::uint64_t length) = 0;

  // True when every page of the range is in memory, as far as can be told without waiting. May be
  // wrong by the time it returns; a false "true" costs a wait, never a wrong byte.
  virtual bool is_cached(std::uint64_t position, std::uint64_t length) const = 0;

  // Says that nobody needs to hear of a write-back that failed, as with what can be made again: the
  // descriptor may be closed with unsynced writes behind it. sync() promises what it always does.
  virtual void allow_close_unsynced() {}

  // A descriptor for sendfile. Errors: any I/O code; not_supported on disks without descriptors.
  virtual Result<std::shared_ptr<const FdLease>> lease() const = 0;
};

enum class OpenMode {
  read,            // must exist
  read_write,      // must exist
  create_new,      // must not exist; readable and writable
  create_or_open,  // readable and writable
};

// The file system, a quota or a limit on files has no room for a write. Of a sync it is a failure
// like any other: what the disk holds is not known.
inline bool is_out_of_room(const ErrorCode& error) {
  return error == boost::system::errc::no_space_on_device ||
         error == boost::system::errc::file_too_large ||
         error == ErrorCode{EDQUOT, boost::system::system_category()};
}

struct DiskSpace {
  std::uint64_t total_bytes = 0;
  std::uint64_t available_bytes = 0;
};

// Held while it lives; the operating system lets go of it when the process dies.
class DirectoryLock {
 public:
  virtual ~DirectoryLock() = default;
};

class Disk {
 public:
  virtual ~Disk() = default;

  virtual Result<std::shared_ptr<File>> open(std::string_view path, OpenMode mode) = 0;

  // Creates the directory and its missing parents; existing ones are fine.
  virtual Result<void> create_directories(std::string_view path) = 0;

  // Names (not paths) of the entries, sorted; directories end with '/'.
  virtual Result<std::vector<std::string>> list(std::string_view directory) = 0;

  virtual Result<bool> exists(std::string_view path) = 0;

  // Atomic; replaces an existing file. Durable only after sync_directory of both parents.
  virtual Result<void> rename(std::string_view from, std::string_view to) = 0;

  // Removes a file; no error when it is not there.
  virtual Result<void> remove(std::string_view path) = 0;

  // Removes a directory with all that is in it; no error when it is not there.
  virtual Result<void> remove_tree(std::string_view path) = 0;

  // Makes creations, renames and removals in the directory survive a power loss.
  virtual Result<void> sync_directory(std::string_view path) = 0;

  virtual Result<DiskSpace> space() = 0;

  // An exclusive lock on a file, created if need be, that shuts out other processes.
  //
  // Errors   directory_locked   somebody else holds it
  virtual Result<std::unique_ptr<DirectoryLock>> lock(std::string_view path) = 0;
};

}  // namespace strandline
