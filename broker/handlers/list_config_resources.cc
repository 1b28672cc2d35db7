#include "broker/handlers/list_config_resources.h"

#include <set>

namespace strandline {
namespace {

using enum wire::ConfigResourceType;

bool is_known(wire::ConfigResourceType type) {
  return type == wire::ConfigResourceType::topic || type == broker || type == broker_logger ||
         type == client_metrics || type == group;
}

}  // namespace

wire::ListConfigResourcesResponse answer_list_config_resources(
    const MetadataImage& image, const wire::ListConfigResourcesRequest& request,
    std::int16_t version) {
  wire::ListConfigResourcesResponse response;
  // Version 0 lists client metrics alone, and there are none.
  if (version == 0) return response;
  std::set<wire::ConfigResourceType> types(request.types.begin(), request.types.end());
  if (types.empty()) types = {wire::ConfigResourceType::topic, broker};
  for (const auto type : types) {
    if (is_known(type)) continue;
    response.error_code = Errc::unsupported_version;
    return response;
  }
  if (types.contains(wire::ConfigResourceType::topic)) {
    for (const auto& topic : image.topics_sorted()) {
      response.resources.push_back({topic->name, wire::ConfigResourceType::topic});
    }
  }
  if (types.contains(broker)) {
    for (const auto& [id, image_of_broker] : image.brokers) {
      response.resources.push_back({std::to_string(id.value()), broker});
    }
  }
  return response;
}

}  // namespace strandline
