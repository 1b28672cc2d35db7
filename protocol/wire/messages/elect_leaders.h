// ElectLeaders (43): has partitions led by their preferred replica, or by whichever is left.
//
// Thread   values
// Owns     a request borrows strings from its frame
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/errc.h"
#include "protocol/base/ids.h"
#include "protocol/wire/api.h"
#include "protocol/wire/field.h"

namespace strandline::wire {

inline constexpr ApiInfo kElectLeadersApi{
    .key = ApiKey::elect_leaders,
    .name = "ElectLeaders",
    .announce = Announce::yes,
    .announced = {0, 2},
    .served = {0, 2},
    .flexible_since = 2,
    .access = Access::needs({{ResourceType::cluster, Operation::alter}}),
};

enum class ElectionType : std::int8_t { preferred = 0, unclean = 1 };

struct ElectLeadersRequest {
  static constexpr const char* kName = "ElectLeadersRequest";
  static constexpr const ApiInfo& kApi = kElectLeadersApi;

  struct Topic {
    std::string_view name;
    std::vector<PartitionIndex> partitions;

    template <class V>
    static constexpr void describe(V& v) {
      v("topic", &Topic::name);
      v("partitions", &Topic::partitions);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  ElectionType election_type = ElectionType::preferred;
  std::optional<std::vector<Topic>> topics;  // null: all partitions
  std::int32_t timeout_ms = 60'000;

  template <class V>
  static constexpr void describe(V& v) {
    v("election_type", &ElectLeadersRequest::election_type, since(1));
    v("topic_partitions", &ElectLeadersRequest::topics, nullable());
    v("timeout_ms", &ElectLeadersRequest::timeout_ms);
  }
  friend bool operator==(const ElectLeadersRequest&, const ElectLeadersRequest&) = default;
};

struct ElectLeadersResponse {
  static constexpr const char* kName = "ElectLeadersResponse";
  static constexpr const ApiInfo& kApi = kElectLeadersApi;

  struct Partition {
    PartitionIndex index;
    Errc error_code = Errc::ok;
    std::optional<std::string> error_message;

    template <class V>
    static constexpr void describe(V& v) {
      v("partition_id", &Partition::index);
      v("error_code", &Partition::error_code);
      v("error_message", &Partition::error_message, nullable());
    }
    friend bool operator==(const Partition&, const Partition&) = default;
  };

  struct Topic {
    std::string name;
    std::vector<Partition> partitions;

    template <class V>
    static constexpr void describe(V& v) {
      v("topic", &Topic::name);
      v("partition_result", &Topic::partitions);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  std::int32_t throttle_time_ms = 0;
  Errc error_code = Errc::ok;  // of the request as a whole
  std::vector<Topic> topics;

  template <class V>
  static constexpr void describe(V& v) {
    v("throttle_time_ms", &ElectLeadersResponse::throttle_time_ms);
    v("error_code", &ElectLeadersResponse::error_code, since(1));
    v("replica_election_results", &ElectLeadersResponse::topics);
  }
  friend bool operator==(const ElectLeadersResponse&, const ElectLeadersResponse&) = default;
};

}  // namespace strandline::wire
