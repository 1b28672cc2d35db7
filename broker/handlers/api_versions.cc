#include "broker/handlers/api_versions.h"

#include "protocol/wire/api_table.h"

namespace strandline {

wire::ApiVersionsResponse answer_api_versions(const wire::ApiVersionsRequest& request,
                                              std::int16_t version) {
  if (!request.names_valid_software(version)) return {.error_code = Errc::invalid_request};
  return wire::make_api_versions_response();
}

}  // namespace strandline
