// Writes what stands before the attachments of a frame. They follow it as they are, from wherever
// they lie: no byte of a record batch is copied here.
//
// Thread   pure functions
#pragma once

#include <cstdint>
#include <span>

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"
#include "protocol/rpc/frame.h"
#include "protocol/wire/byte_buffer.h"

namespace strandline::rpc {

// Appends length, header, attachment lengths, message and checksum to `out`. The frame is whole
// once the attachments have followed, in the order of `attachment_bytes`.
//
// Needs    a header, message and attachments that go together (is_valid)
// Errors   frame_too_large        the message, or all attachments together, exceed the limits
//          too_many_attachments   likewise their number. Nothing was written
Result<void> encode_frame_head(const FrameHeader& header, ByteView message,
                               std::span<const std::uint64_t> attachment_bytes,
                               const FrameLimits& limits, wire::ByteBuffer& out);

}  // namespace strandline::rpc
