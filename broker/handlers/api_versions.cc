#include "broker/handlers/api_versions.h"

#include <algorithm>
#include <string_view>

#include "protocol/wire/api_table.h"
#include "protocol/wire/messages/find_coordinator.h"

namespace strandline {
namespace {

// By its own name, or by what its bindings append to theirs ("1.7.0-rdkafka-2.0.2").
bool is_librdkafka(const wire::ApiVersionsRequest& request) {
  return request.client_software_name == "librdkafka" ||
         request.client_software_version.find("rdkafka") != std::string_view::npos;
}

// librdkafka before 2.11 takes FindCoordinator 0 in the list for the sign of a broker that knows
// lz4; without it, it sends uncompressed what it was told to compress, and does not say so. It
// alone is told of this API: to others it would promise groups. Can go once groups are served.
void announce_find_coordinator(wire::ApiVersionsResponse& response) {
  const auto key = static_cast<std::int16_t>(wire::ApiKey::find_coordinator);
  const auto place = std::find_if(response.apis.begin(), response.apis.end(),
                                  [key](const auto& api) { return api.api_key >= key; });
  if (place != response.apis.end() && place->api_key == key) return;
  const wire::VersionRange range = wire::kFindCoordinatorApi.announced;
  response.apis.insert(place,
                       {.api_key = key, .version_min = range.first, .version_max = range.last});
}

}  // namespace

wire::ApiVersionsResponse answer_api_versions(const wire::ApiVersionsRequest& request,
                                              std::int16_t version) {
  if (!request.names_valid_software(version)) return {.error_code = Errc::invalid_request};
  wire::ApiVersionsResponse response = wire::make_api_versions_response();
  if (is_librdkafka(request)) announce_find_coordinator(response);
  return response;
}

}  // namespace strandline
