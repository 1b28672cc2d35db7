// The snapshots of the metadata image that lie beside the metadata log, so that the log can be cut:
// `<end offset, 20 digits>.image`. Format: docs/formats/metadata.md
//
// Two are kept, the newest and the one before, and the log from the end of the older one on: a
// damaged newest snapshot costs the time to read more of the log, and nothing else. A crash may
// leave `.image.tmp` files behind, and a third snapshot; the next one written removes them.
//
// Thread   any; calls for one directory must not overlap
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/base/result.h"
#include "protocol/base/uuid.h"
#include "replication/metadata/image.h"
#include "storage/io/disk.h"

namespace strandline {

std::string metadata_snapshot_name(Offset end_offset);

struct MetadataSnapshotSearch {
  struct Found {
    Offset end_offset;
    LeaderEpoch epoch;  // of the last record below it
    std::uint64_t bytes = 0;
    std::vector<MetadataRecord> records;  // known to apply to an empty state
  };
  struct Unusable {
    std::string path;
    std::string why;
  };
  std::optional<Found> found;
  std::vector<Unusable> unusable;  // newer ones, newest first
};

// The newest snapshot that is whole.
//
// Errors   unsupported_format   one is of a newer version: its log may have been cut for it
//          foreign_directory    one is of another cluster
//          any I/O code of the directory
Result<MetadataSnapshotSearch> newest_metadata_snapshot(Disk& disk, const std::string& directory,
                                                        const Uuid& cluster_id);

// Writes one, durably; returns its size.
//
// Errors   any I/O code
Result<std::uint64_t> write_metadata_snapshot(Disk& disk, const std::string& directory,
                                              const MetadataImage& image, Offset end_offset,
                                              LeaderEpoch epoch);

// Keeps one that another broker sent, durably, under its name; returns it.
//
// Errors   corrupt_file, unsupported_format, foreign_directory   it is not whole, or not ours
//          any I/O code
Result<MetadataSnapshotSearch::Found> keep_metadata_snapshot(Disk& disk,
                                                             const std::string& directory,
                                                             const Uuid& cluster_id,
                                                             ByteView bytes);

// The bytes of the one that ends there.
//
// Errors   any I/O code, ENOENT among them
Result<std::vector<std::byte>> read_metadata_snapshot(Disk& disk, const std::string& directory,
                                                      Offset end_offset);

// Removes all but these two, and what crashes left of unfinished ones. The names go for good with
// the next sync of the directory.
Result<void> remove_metadata_snapshots(Disk& disk, const std::string& directory, Offset newest,
                                       std::optional<Offset> before);

}  // namespace strandline
