// ApiVersions (18). Versions that are not known are answered before a request is decoded: see
// wire::encode_unsupported_api_versions.
//
// Thread   pure function
#pragma once

#include <cstdint>

#include "protocol/wire/messages/api_versions.h"

namespace strandline {

// Errors   invalid_request for a client software name or version that is no name; no APIs then
wire::ApiVersionsResponse answer_api_versions(const wire::ApiVersionsRequest& request,
                                              std::int16_t version);

}  // namespace strandline
