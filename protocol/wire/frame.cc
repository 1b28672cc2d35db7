#include "protocol/wire/frame.h"

#include "protocol/wire/api_table.h"
#include "protocol/wire/messages/api_versions.h"
#include "protocol/wire/reader.h"

namespace strandline::wire {
namespace {

constexpr std::size_t kPrefixBytes = 8;  // api key, version, correlation id

// Tags in headers: none is known to us, all are skipped.
void skip_tags(detail::Reader& reader) {
  const std::uint32_t count = reader.uvarint();
  std::int64_t last_tag = -1;
  for (std::uint32_t i = 0; i < count && !reader.failed(); ++i) {
    const std::uint32_t tag = reader.uvarint();
    const std::uint32_t bytes = reader.uvarint();
    if (tag <= last_tag && !reader.failed()) reader.fail(Errc::malformed_frame);
    last_tag = tag;
    reader.take(bytes);
  }
}

}  // namespace

Result<std::size_t> decode_frame_size(ByteView prefix, std::size_t frame_bytes_max) {
  const auto size = load_be<std::int32_t>(prefix.data());
  if (size < 0) return Errc::malformed_frame;
  if (static_cast<std::size_t>(size) > frame_bytes_max) return Errc::frame_too_large;
  return static_cast<std::size_t>(size);
}

Result<RequestPrefix> decode_request_prefix(ByteView frame) {
  if (frame.size() < kPrefixBytes) return Errc::truncated_frame;
  return RequestPrefix{.api_key = load_be<std::int16_t>(frame.data()),
                       .api_version = load_be<std::int16_t>(frame.data() + 2),
                       .correlation_id = load_be<std::int32_t>(frame.data() + 4)};
}

Result<RequestHeader> decode_request_header(ByteView frame, DecodeFailure* failure) {
  STRANDLINE_TRY(const RequestPrefix prefix, decode_request_prefix(frame));
  const ApiInfo* const api = find_api(prefix.api_key);
  if (api == nullptr) return Errc::unsupported_api;
  if (!api->served.contains(prefix.api_version)) return Errc::unsupported_version;

  DecodeBudget budget{0};
  detail::Reader reader{frame, prefix.api_version, api->is_flexible(prefix.api_version), budget};
  reader.take(kPrefixBytes);
  // An int16 length also in flexible headers.
  const auto length = reader.fixed<std::int16_t>();
  std::string_view client_id;
  if (length >= 0) client_id = as_text(reader.take(static_cast<std::uint64_t>(length)));
  if (length < -1) reader.fail(Errc::malformed_frame);
  if (reader.failed()) reader.note_field("client_id");
  if (reader.flexible() && !reader.failed()) {
    skip_tags(reader);
    if (reader.failed()) reader.note_field("header tags");
  }
  if (reader.failed()) {
    if (failure != nullptr) reader.report(*failure);
    return reader.errc();
  }
  return RequestHeader{.api = api,
                       .version = prefix.api_version,
                       .correlation_id = prefix.correlation_id,
                       .client_id = client_id,
                       .body = reader.take(reader.left())};
}

void encode_unsupported_api_versions(std::int32_t correlation_id, EncodedFrame& out) {
  ApiVersionsResponse response;
  response.error_code = Errc::unsupported_version;
  response.apis.push_back({.api_key = static_cast<std::int16_t>(kApiVersionsApi.key),
                           .version_min = kApiVersionsApi.announced.first,
                           .version_max = kApiVersionsApi.announced.last});
  encode_response(response, 0, correlation_id, out);
}

Result<ResponseHeader> decode_response_header(ByteView frame, const ApiInfo& api,
                                              std::int16_t version) {
  DecodeBudget budget{0};
  detail::Reader reader{frame, version, api.is_flexible(version), budget};
  const auto correlation_id = reader.fixed<std::int32_t>();
  if (reader.flexible() && !api.plain_response_header) skip_tags(reader);
  if (reader.failed()) return reader.errc();
  return ResponseHeader{.correlation_id = correlation_id, .body = reader.take(reader.left())};
}

}  // namespace strandline::wire
