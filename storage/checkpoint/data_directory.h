// A data directory that is ours: locked against other processes, of a format this program reads,
// and belonging to this cluster and node. Format of the file `meta`: docs/formats/checkpoint.md
//
// Thread   open() once at the start; adopt() once, while nobody asks for identity(); identity() any
// Owns     the lock (file `lock`), until it is destroyed or the process dies
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "protocol/base/prng.h"
#include "protocol/proto/storage_records.h"
#include "storage/io/disk.h"

namespace strandline {

// 2: the metadata log may begin with a snapshot. 3: it has a vote beside it. A directory of an
// older format is raised to this one when it is opened, so that a program that would read less than
// there is refuses it.
inline constexpr std::uint32_t kDirectoryFormatVersion = 3;

class DataDirectory {
 public:
  // What is not given is taken from the directory, or made up when the directory is new.
  struct Expectations {
    std::optional<Uuid> cluster_id;
    std::optional<BrokerId> node_id;
    // A new directory is of no cluster yet: its broker is going to join or found one.
    bool without_cluster = false;
  };

  // Locks the directory, then reads its `meta` or, when the directory is empty, writes one with a
  // new directory id (and a new cluster id and node 0 unless expected otherwise).
  //
  // prng     for new ids; seeded from the system's entropy in production
  // why      set on an error: what was wrong, where, and what to do next
  // Errors   directory_locked     another process uses it
  //          foreign_directory    of another cluster or node, or no data directory at all
  //          unsupported_format   written by a newer version
  //          corrupt_file         `meta` is damaged
  //          any I/O code
  static Result<DataDirectory> open(Disk& disk, const std::string& directory_name,
                                    const Expectations& expectations, Prng& prng, std::string& why);

  const DirectoryIdentity& identity() const { return identity_; }

  // Whether the last process that had the directory said that it ended in order: everything written
  // was synced. The mark is gone for good when this returns; nothing may be written before.
  //
  // Errors   any I/O code
  Result<bool> take_clean_mark();
  // Says so. Nothing may be written after.
  Result<void> leave_clean_mark();

  // Makes the directory one of this cluster, durably; until then it may be of none.
  //
  // Needs    identity().cluster_id zero
  // Errors   any I/O code
  Result<void> adopt(const Uuid& cluster_id, bool joined);
  bool is_new() const { return is_new_; }

 private:
  DataDirectory(Disk& disk, std::unique_ptr<DirectoryLock> lock, const DirectoryIdentity& identity,
                bool is_new);

  Disk* disk_;
  std::unique_ptr<DirectoryLock> lock_;
  DirectoryIdentity identity_;
  bool is_new_ = false;
};

}  // namespace strandline
