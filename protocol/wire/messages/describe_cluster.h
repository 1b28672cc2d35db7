// DescribeCluster (60): the brokers, without topics.
//
// Thread   values
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/errc.h"
#include "protocol/base/ids.h"
#include "protocol/wire/api.h"
#include "protocol/wire/field.h"
#include "protocol/wire/types.h"

namespace strandline::wire {

inline constexpr ApiInfo kDescribeClusterApi{
    .key = ApiKey::describe_cluster,
    .name = "DescribeCluster",
    .announce = Announce::yes,
    .announced = {0, 2},
    .served = {0, 2},
    .flexible_since = 0,
    .access = Access::needs({{ResourceType::cluster, Operation::describe}},
                            "only to be told the authorized operations"),
};

// Of what DescribeCluster asks. Any other number is UNSUPPORTED_ENDPOINT_TYPE.
enum class EndpointType : std::int8_t { brokers = 1, controllers = 2 };

struct DescribeClusterRequest {
  static constexpr const char* kName = "DescribeClusterRequest";
  static constexpr const ApiInfo& kApi = kDescribeClusterApi;

  bool include_cluster_authorized_operations = false;
  EndpointType endpoint_type = EndpointType::brokers;
  bool include_fenced_brokers = false;

  template <class V>
  static constexpr void describe(V& v) {
    v("include_cluster_authorized_operations",
      &DescribeClusterRequest::include_cluster_authorized_operations);
    v("endpoint_type", &DescribeClusterRequest::endpoint_type, since(1));
    v("include_fenced_brokers", &DescribeClusterRequest::include_fenced_brokers, since(2));
  }
  friend bool operator==(const DescribeClusterRequest&, const DescribeClusterRequest&) = default;
};

struct DescribeClusterResponse {
  static constexpr const char* kName = "DescribeClusterResponse";
  static constexpr const ApiInfo& kApi = kDescribeClusterApi;

  struct Broker {
    BrokerId broker_id = kNoBroker;
    std::string host;
    std::int32_t port = 0;
    std::optional<std::string> rack;
    bool is_fenced = false;

    template <class V>
    static constexpr void describe(V& v) {
      v("broker_id", &Broker::broker_id);
      v("host", &Broker::host);
      v("port", &Broker::port);
      v("rack", &Broker::rack, nullable());
      v("is_fenced", &Broker::is_fenced, since(2));
    }
    friend bool operator==(const Broker&, const Broker&) = default;
  };

  std::int32_t throttle_time_ms = 0;
  Errc error_code = Errc::ok;
  std::optional<std::string> error_message;
  EndpointType endpoint_type = EndpointType::brokers;
  std::string cluster_id;
  BrokerId controller_id = kNoBroker;
  std::vector<Broker> brokers;
  std::int32_t cluster_authorized_operations = kOperationsNotAsked;

  template <class V>
  static constexpr void describe(V& v) {
    v("throttle_time_ms", &DescribeClusterResponse::throttle_time_ms);
    v("error_code", &DescribeClusterResponse::error_code);
    v("error_message", &DescribeClusterResponse::error_message, nullable());
    v("endpoint_type", &DescribeClusterResponse::endpoint_type, since(1));
    v("cluster_id", &DescribeClusterResponse::cluster_id);
    v("controller_id", &DescribeClusterResponse::controller_id);
    v("brokers", &DescribeClusterResponse::brokers);
    v("cluster_authorized_operations", &DescribeClusterResponse::cluster_authorized_operations);
  }
  friend bool operator==(const DescribeClusterResponse&, const DescribeClusterResponse&) = default;
};

}  // namespace strandline::wire
