// The digest of a sealed segment: XXH3-64 of its .log, in `<base offset>.digest`. Replicas compare
// theirs instead of their segments; and a segment that has one was synced as a whole before, so
// that a start without a checkpoint need not scan it. Format: docs/formats/digest.md
//
// Thread   any
#pragma once

#include <cstdint>
#include <memory>

#include "protocol/base/ids.h"
#include "protocol/base/result.h"
#include "storage/log/segment.h"

namespace strandline {

struct SegmentDigest {
  std::uint64_t log_bytes = 0;
  Offset end_offset;  // after its last record
  std::uint64_t log_xxh3 = 0;
};

// Errors   ENOENT; corrupt_file; unsupported_format; any I/O code
Result<SegmentDigest> read_digest(const Segment& segment);

// Made when a segment is sealed, run on a thread that may take its time.
struct SealJob {
  std::shared_ptr<Segment> segment;
  Offset end_offset;
};

// Syncs the segment and its indexes, checks every batch, and writes the digest.
//
// Errors   corrupt_batch (reported; no digest is written); any I/O code
Result<void> run(const SealJob& job);

}  // namespace strandline
