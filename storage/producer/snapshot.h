// Producer state saved in the partition's directory as `<next offset, 20 digits>.snapshot`.
// Format: docs/formats/snapshots.md
//
// A snapshot only saves work: it is guarded by XXH3 and a version, and a broken or missing one is
// made up for by replaying more of the log. A crash may leave `.snapshot.tmp` files behind.
//
// Thread   any; calls for one directory must not overlap
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/proto/storage_records.h"
#include "storage/checkpoint/guarded_file.h"
#include "storage/io/disk.h"

namespace strandline {

std::string snapshot_file_name(Offset next_offset);

// The offset in a snapshot's name; none for other names.
std::optional<Offset> snapshot_offset(std::string_view file_name);

// Writes `directory/<next_offset>.snapshot`, replacing one of that name.
//
// how      `eventually` is enough where the log can still be replayed from an older one
// Errors   any I/O code
Result<void> write_producer_snapshot(Disk& disk, std::string_view directory,
                                     const ProducerSnapshot& snapshot, Replacement how);

// Errors   ENOENT               no such snapshot
//          corrupt_file         damaged
//          unsupported_format   written by a newer version
Result<ProducerSnapshot> read_producer_snapshot(Disk& disk, std::string_view directory,
                                                Offset next_offset);

struct SnapshotSearch {
  std::optional<ProducerSnapshot> found;
  std::vector<std::string> damaged;  // paths of newer ones that could not be used; say so
};

// The newest usable snapshot with next_offset <= `at_or_below`.
//
// Errors   any I/O code other than of a damaged file
Result<SnapshotSearch> newest_producer_snapshot(Disk& disk, std::string_view directory,
                                                Offset at_or_below);

// Removes snapshots with start <= next_offset < end, and what crashes left of unfinished ones. The
// names go for good with the next sync of the directory.
Result<void> remove_producer_snapshots(Disk& disk, std::string_view directory, Offset start,
                                       Offset end);

}  // namespace strandline
