// Frames and headers: what comes before a message's body.
//
// Thread   pure functions
// Owns     nothing: headers borrow from their frame
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"
#include "protocol/wire/api.h"
#include "protocol/wire/codec.h"

namespace strandline::wire {

inline constexpr std::size_t kFrameSizeBytes = 4;

// The length of the frame that `prefix` announces, without the prefix itself.
//
// prefix   at least kFrameSizeBytes
// Errors   malformed_frame   negative
//          frame_too_large   above frame_bytes_max
Result<std::size_t> decode_frame_size(ByteView prefix, std::size_t frame_bytes_max);

// The part of a request header that can be read whatever the API and version.
struct RequestPrefix {
  std::int16_t api_key = 0;
  std::int16_t api_version = 0;
  std::int32_t correlation_id = 0;
};

// frame    without its size
// Errors   truncated_frame
Result<RequestPrefix> decode_request_prefix(ByteView frame);

struct RequestHeader {
  const ApiInfo* api = nullptr;  // never null in a decoded header
  std::int16_t version = 0;
  std::int32_t correlation_id = 0;
  std::string_view client_id;  // a null one reads as ""
  ByteView body;
};

// frame    without its size
// Errors   unsupported_api       not an API we serve: close the connection
//          unsupported_version   of an API we serve: close, but answer ApiVersions (see
//                                encode_unsupported_api_versions)
//          truncated_frame, malformed_frame
Result<RequestHeader> decode_request_header(ByteView frame, DecodeFailure* failure = nullptr);

// What a broker says to an ApiVersions request of a version it does not know: a body of version 0
// with UNSUPPORTED_VERSION and the versions of ApiVersions alone, whatever was asked.
void encode_unsupported_api_versions(std::int32_t correlation_id, EncodedFrame& out);

struct ResponseHeader {
  std::int32_t correlation_id = 0;
  ByteView body;
};

// For clients: the header of an answer to a request of this API and version.
//
// frame    without its size
// Errors   truncated_frame, malformed_frame
Result<ResponseHeader> decode_response_header(ByteView frame, const ApiInfo& api,
                                              std::int16_t version);

}  // namespace strandline::wire
