// Requests of the client's cores as bytes, and the answers to them, in versions that both sides
// know.
//
// Thread   values and pure functions
// Owns     an encoded request owns its bytes; a decoded FetchResponse borrows its records
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include "client/core/requests.h"
#include "protocol/base/bytes.h"
#include "protocol/base/result.h"
#include "protocol/wire/api.h"
#include "protocol/wire/byte_buffer.h"
#include "protocol/wire/messages/api_versions.h"

namespace strandline::client {

// The versions a broker serves, as it said itself.
using ServedVersions = std::map<wire::ApiKey, wire::VersionRange>;

ServedVersions served_versions(const wire::ApiVersionsResponse& response);

// How to read the answer to a request.
struct AnswerForm {
  const wire::ApiInfo* api = nullptr;
  std::int16_t version = 0;
  std::int32_t correlation_id = 0;
  Result<ResponseBody> (*decode)(ByteView body, std::int16_t version) = nullptr;
};

struct EncodedRequest {
  AnswerForm form;
  bool has_answer = true;
  wire::ByteBuffer bytes;  // a whole frame
};

// Encodes a request in the newest version that names topics by name.
//
// served   what the broker that gets it said last; unset: not known yet, taken to know what we know
// Errors   unsupported_version   there is none that both sides know
Result<EncodedRequest> encode(const RequestBody& body, const std::optional<ServedVersions>& served,
                              std::int32_t correlation_id, std::string_view client_id);

// Whether a broker that serves these can read a request that was encoded so.
bool can_read(const ServedVersions& served, const AnswerForm& form);

// Asks a broker for its versions, in the form that all know.
wire::ByteBuffer encode_versions_request(std::int32_t correlation_id, std::string_view client_id);

// frame    without its size
// Errors   unasked_answer   of another request than that one
//          any of decoding; the error that the broker answered with
Result<ServedVersions> decode_versions(ByteView frame, std::int32_t correlation_id);

// frame    without its size; a FetchResponse borrows from it
// Errors   unasked_answer   of another request than that one
//          any of decoding
Result<ResponseBody> decode(ByteView frame, const AnswerForm& form);

}  // namespace strandline::client
