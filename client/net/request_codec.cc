#include "client/net/request_codec.h"

#include <algorithm>
#include <utility>

#include "protocol/base/errc.h"
#include "protocol/wire/codec.h"
#include "protocol/wire/frame.h"

namespace strandline::client {
namespace {

template <class Request>
struct Answered;
template <>
struct Answered<wire::MetadataRequest> {
  using By = wire::MetadataResponse;
};
template <>
struct Answered<wire::InitProducerIdRequest> {
  using By = wire::InitProducerIdResponse;
};
template <>
struct Answered<wire::ProduceRequest> {
  using By = wire::ProduceResponse;
};
template <>
struct Answered<wire::FetchRequest> {
  using By = wire::FetchResponse;
};
template <>
struct Answered<wire::ListOffsetsRequest> {
  using By = wire::ListOffsetsResponse;
};
template <>
struct Answered<wire::OffsetForLeaderEpochRequest> {
  using By = wire::OffsetForLeaderEpochResponse;
};

template <class Response>
Result<ResponseBody> decode_as(ByteView body, std::int16_t version) {
  auto budget = wire::DecodeBudget::for_frame(body.size());
  STRANDLINE_TRY(auto response, wire::decode<Response>(body, version, budget));
  return ResponseBody{std::move(response)};
}

// The last version in which topics have names.
std::int16_t last_by_name(const wire::ApiInfo& api) {
  constexpr std::int16_t kLastByName = 12;
  const bool has_ids = api.key == wire::ApiKey::produce || api.key == wire::ApiKey::fetch;
  return has_ids ? std::min(kLastByName, api.served.last) : api.served.last;
}

Result<std::int16_t> choose_version(const wire::ApiInfo& api,
                                    const std::optional<ServedVersions>& served) {
  const std::int16_t ours = last_by_name(api);
  if (!served.has_value()) return ours;
  const auto theirs = served->find(api.key);
  if (theirs == served->end()) return Errc::unsupported_version;
  const std::int16_t version = std::min(ours, theirs->second.last);
  if (version < api.served.first || version < theirs->second.first) {
    return Errc::unsupported_version;
  }
  return version;
}

}  // namespace

ServedVersions served_versions(const wire::ApiVersionsResponse& response) {
  ServedVersions served;
  for (const auto& each : response.apis) {
    served[static_cast<wire::ApiKey>(each.api_key)] = {each.version_min, each.version_max};
  }
  return served;
}

Result<EncodedRequest> encode(const RequestBody& body, const std::optional<ServedVersions>& served,
                              std::int32_t correlation_id, std::string_view client_id) {
  return std::visit(
      [&]<class Request>(const Request& request) -> Result<EncodedRequest> {
        STRANDLINE_TRY(const std::int16_t version, choose_version(Request::kApi, served));
        wire::EncodedFrame frame;
        wire::encode_request(request, version, correlation_id, client_id, frame);
        return EncodedRequest{.form = {.api = &Request::kApi,
                                       .version = version,
                                       .correlation_id = correlation_id,
                                       .decode = decode_as<typename Answered<Request>::By>},
                              .has_answer = has_answer(body),
                              .bytes = std::move(frame.buffer)};
      },
      body);
}

bool can_read(const ServedVersions& served, const AnswerForm& form) {
  const auto found = served.find(form.api->key);
  return found != served.end() && found->second.contains(form.version);
}

wire::ByteBuffer encode_versions_request(std::int32_t correlation_id, std::string_view client_id) {
  wire::EncodedFrame frame;
  wire::encode_request(wire::ApiVersionsRequest{}, 0, correlation_id, client_id, frame);
  return std::move(frame.buffer);
}

Result<ServedVersions> decode_versions(ByteView frame, std::int32_t correlation_id) {
  STRANDLINE_TRY(auto header, wire::decode_response_header(frame, wire::kApiVersionsApi, 0));
  if (header.correlation_id != correlation_id) return Errc::unasked_answer;
  auto budget = wire::DecodeBudget::for_frame(frame.size());
  STRANDLINE_TRY(auto response, wire::decode<wire::ApiVersionsResponse>(header.body, 0, budget));
  if (response.error_code != Errc::ok) return response.error_code;
  return served_versions(response);
}

Result<ResponseBody> decode(ByteView frame, const AnswerForm& form) {
  STRANDLINE_TRY(auto header, wire::decode_response_header(frame, *form.api, form.version));
  if (header.correlation_id != form.correlation_id) return Errc::unasked_answer;
  return form.decode(header.body, form.version);
}

}  // namespace strandline::client
