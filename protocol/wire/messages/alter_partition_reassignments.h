// AlterPartitionReassignments (45): gives partitions other replicas, or takes that back while it is
// under way.
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

inline constexpr ApiInfo kAlterPartitionReassignmentsApi{
    .key = ApiKey::alter_partition_reassignments,
    .name = "AlterPartitionReassignments",
    .announce = Announce::yes,
    .announced = {0, 1},
    .served = {0, 1},
    .flexible_since = 0,
    .access = Access::needs({{ResourceType::cluster, Operation::alter}}),
};

struct AlterPartitionReassignmentsRequest {
  static constexpr const char* kName = "AlterPartitionReassignmentsRequest";
  static constexpr const ApiInfo& kApi = kAlterPartitionReassignmentsApi;

  struct Partition {
    PartitionIndex index;
    std::optional<std::vector<BrokerId>> replicas;  // null: the one under way is taken back

    template <class V>
    static constexpr void describe(V& v) {
      v("partition_index", &Partition::index);
      v("replicas", &Partition::replicas, nullable());
    }
    friend bool operator==(const Partition&, const Partition&) = default;
  };

  struct Topic {
    std::string_view name;
    std::vector<Partition> partitions;

    template <class V>
    static constexpr void describe(V& v) {
      v("name", &Topic::name);
      v("partitions", &Topic::partitions);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  std::int32_t timeout_ms = 60'000;
  bool allow_replication_factor_change = true;
  std::vector<Topic> topics;

  template <class V>
  static constexpr void describe(V& v) {
    using Self = AlterPartitionReassignmentsRequest;
    v("timeout_ms", &Self::timeout_ms);
    v("allow_replication_factor_change", &Self::allow_replication_factor_change, since(1));
    v("topics", &Self::topics);
  }
  friend bool operator==(const AlterPartitionReassignmentsRequest&,
                         const AlterPartitionReassignmentsRequest&) = default;
};

struct AlterPartitionReassignmentsResponse {
  static constexpr const char* kName = "AlterPartitionReassignmentsResponse";
  static constexpr const ApiInfo& kApi = kAlterPartitionReassignmentsApi;

  struct Partition {
    PartitionIndex index;
    Errc error_code = Errc::ok;
    std::optional<std::string> error_message;

    template <class V>
    static constexpr void describe(V& v) {
      v("partition_index", &Partition::index);
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
      v("name", &Topic::name);
      v("partitions", &Topic::partitions);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  std::int32_t throttle_time_ms = 0;
  bool allow_replication_factor_change = true;  // as the request had it
  Errc error_code = Errc::ok;                   // of the request as a whole
  std::optional<std::string> error_message;
  std::vector<Topic> topics;

  template <class V>
  static constexpr void describe(V& v) {
    using Self = AlterPartitionReassignmentsResponse;
    v("throttle_time_ms", &Self::throttle_time_ms);
    v("allow_replication_factor_change", &Self::allow_replication_factor_change, since(1));
    v("error_code", &Self::error_code);
    v("error_message", &Self::error_message, nullable());
    v("responses", &Self::topics);
  }
  friend bool operator==(const AlterPartitionReassignmentsResponse&,
                         const AlterPartitionReassignmentsResponse&) = default;
};

}  // namespace strandline::wire
