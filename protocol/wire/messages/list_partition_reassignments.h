// ListPartitionReassignments (46): which partitions are being given other replicas.
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

inline constexpr ApiInfo kListPartitionReassignmentsApi{
    .key = ApiKey::list_partition_reassignments,
    .name = "ListPartitionReassignments",
    .announce = Announce::yes,
    .announced = {0, 0},
    .served = {0, 0},
    .flexible_since = 0,
    .access = Access::needs({{ResourceType::cluster, Operation::describe}}),
};

struct ListPartitionReassignmentsRequest {
  static constexpr const char* kName = "ListPartitionReassignmentsRequest";
  static constexpr const ApiInfo& kApi = kListPartitionReassignmentsApi;

  struct Topic {
    std::string_view name;
    std::vector<PartitionIndex> partitions;

    template <class V>
    static constexpr void describe(V& v) {
      v("name", &Topic::name);
      v("partition_indexes", &Topic::partitions);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  std::int32_t timeout_ms = 60'000;
  std::optional<std::vector<Topic>> topics;  // null: all partitions

  template <class V>
  static constexpr void describe(V& v) {
    v("timeout_ms", &ListPartitionReassignmentsRequest::timeout_ms);
    v("topics", &ListPartitionReassignmentsRequest::topics, nullable());
  }
  friend bool operator==(const ListPartitionReassignmentsRequest&,
                         const ListPartitionReassignmentsRequest&) = default;
};

struct ListPartitionReassignmentsResponse {
  static constexpr const char* kName = "ListPartitionReassignmentsResponse";
  static constexpr const ApiInfo& kApi = kListPartitionReassignmentsApi;

  struct Partition {
    PartitionIndex index;
    std::vector<BrokerId> replicas;  // all there are at present
    std::vector<BrokerId> adding;    // those of them that are new
    std::vector<BrokerId> removing;  // and those that will go

    template <class V>
    static constexpr void describe(V& v) {
      v("partition_index", &Partition::index);
      v("replicas", &Partition::replicas);
      v("adding_replicas", &Partition::adding);
      v("removing_replicas", &Partition::removing);
    }
    friend bool operator==(const Partition&, const Partition&) = default;
  };

  struct Topic {
    std::string name;
    std::vector<Partition> partitions;

    template <class V>
    static constexpr void describe(V& v) {
      v("name", &Topic::name);
      v("partitions", &Topic::partitions);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  std::int32_t throttle_time_ms = 0;
  Errc error_code = Errc::ok;
  std::optional<std::string> error_message;
  std::vector<Topic> topics;

  template <class V>
  static constexpr void describe(V& v) {
    v("throttle_time_ms", &ListPartitionReassignmentsResponse::throttle_time_ms);
    v("error_code", &ListPartitionReassignmentsResponse::error_code);
    v("error_message", &ListPartitionReassignmentsResponse::error_message, nullable());
    v("topics", &ListPartitionReassignmentsResponse::topics);
  }
  friend bool operator==(const ListPartitionReassignmentsResponse&,
                         const ListPartitionReassignmentsResponse&) = default;
};

}  // namespace strandline::wire
