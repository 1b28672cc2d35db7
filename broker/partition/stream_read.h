// Reads batches for a follower's stream, and says of each what its claim says.
//
// Thread   any
#pragma once

#include <memory>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/base/result.h"
#include "protocol/proto/replication_messages.h"
#include "protocol/wire/byte_buffer.h"
#include "storage/log/read_plan.h"

namespace strandline {

struct StreamRead {
  std::vector<BatchClaim> claims;  // never empty
  Offset next_offset;
  std::shared_ptr<const wire::ByteBuffer> bytes;
};

// The bytes are copied: their headers have to be looked at anyhow, and what a follower at the tail
// is sent was written a moment ago.
//
// mode     blocking: append times are filled in; else they are left to who knows them
// Needs    plan.from < plan.end
// Errors   would_block           nowait only
//          offset_out_of_range   no batch begins at plan.from
//          corrupt_batch         damage, which was reported
//          any I/O code
Result<StreamRead> read_for_stream(const ReadPlan& plan, ReadMode mode);

// When these batches of one segment were appended, to the second. May wait for the disk.
void fill_append_times(const Segment& segment, std::vector<BatchClaim>& claims);

}  // namespace strandline
