// Reads frames from bytes as they come, and finds out as early as it can that they are none: each
// field is checked once its bytes are there, the checksum before the first attachment has come.
//
// Thread   one owner
// Owns     no bytes. It allocates one list of views a frame, after its checksum was found right;
// how
//          much is kept of a frame that has begun is up to the caller, who need not believe its
//          length either
#pragma once

#include <cstddef>
#include <optional>

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"
#include "protocol/rpc/frame.h"

namespace strandline::rpc {

class FrameDecoder {
 public:
  explicit FrameDecoder(const FrameLimits& limits) : limits_(limits) {}

  // For the frames that have not begun yet: after the handshake more is allowed.
  void set_limits(const FrameLimits& limits) { limits_ = limits; }

  // The frame that `begun` begins with, or nothing when more bytes are needed. Once it was given,
  // the next call is about the frame behind it.
  //
  // begun    what has come of the stream from the first byte of the frame on; from call to call it
  //          only grows (and may have moved)
  // Errors   frame_too_large        the length, the message or the attachments exceed the limits
  //          frame_version          written by a version that is not spoken here
  //          too_many_attachments   beyond the limit
  //          malformed_frame        a kind, a number or a length that no writer puts there
  //          frame_checksum         header or message are not what was sent
  //          After any of them the stream is lost.
  Result<std::optional<FrameView>> decode(ByteView begun);

 private:
  // Whether all before the attachments is there; then it is checked, too.
  Result<bool> check_head(ByteView begun);
  Result<void> check_length(ByteView begun) const;
  Result<void> check_header(ByteView begun) const;
  Result<void> check_attachments(ByteView begun) const;

  FrameLimits limits_;
  bool head_checked_ = false;  // of the frame that has begun
};

}  // namespace strandline::rpc
