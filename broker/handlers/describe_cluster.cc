#include "broker/handlers/describe_cluster.h"

#include <utility>

namespace strandline {

wire::DescribeClusterResponse answer_describe_cluster(const MetadataImage& image,
                                                      const ListenerView& listener,
                                                      const wire::DescribeClusterRequest& request) {
  wire::DescribeClusterResponse response{.endpoint_type = request.endpoint_type};
  if (request.endpoint_type == wire::EndpointType::controllers) {
    response.error_code = Errc::mismatched_endpoint_type;
    response.error_message = "This listener serves brokers, not controllers";
    return response;
  }
  if (request.endpoint_type != wire::EndpointType::brokers) {
    response.error_code = Errc::unsupported_endpoint_type;
    response.error_message = "Unknown endpoint type";
    return response;
  }
  response.cluster_id = to_text(image.cluster_id);
  response.controller_id = controller_for_clients(image, listener);
  for (const auto& [id, broker] : image.brokers) {
    if (broker.fenced && !request.include_fenced_brokers) continue;
    auto address = advertised_address(broker, listener);
    response.brokers.push_back({.broker_id = id,
                                .host = std::move(address.host),
                                .port = address.port,
                                .rack = broker.rack,
                                .is_fenced = broker.fenced});
  }
  if (request.include_cluster_authorized_operations) {
    response.cluster_authorized_operations = cluster_operations();
  }
  return response;
}

}  // namespace strandline
