// A metadata image as the shortest list of records that rebuilds it, and that list as one file, so
// that the metadata log can be cut and does not grow for ever. Format: docs/formats/metadata.md
//
// Thread   values and pure functions
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/ids.h"
#include "protocol/base/result.h"
#include "replication/metadata/image.h"

namespace strandline {

// Applied in order to an empty MetadataState these give an equal image (but for `version`).
std::vector<MetadataRecord> records_of(const MetadataImage& image);

struct MetadataSnapshot {
  Uuid cluster_id;
  Offset end_offset;  // records of the log below it are in the snapshot
  LeaderEpoch epoch;  // of the last of them
  std::vector<MetadataRecord> records;
};

// The bytes of a snapshot file.
//
// epoch   of the last record below `end_offset`
std::string encode_snapshot(const MetadataImage& image, Offset end_offset, LeaderEpoch epoch);

// Errors   corrupt_file         cut short, checksum or a record wrong
//          unsupported_format   written by a newer version
Result<MetadataSnapshot> decode_snapshot(ByteView bytes);

}  // namespace strandline
