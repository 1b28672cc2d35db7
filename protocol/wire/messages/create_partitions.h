// CreatePartitions (37): raises the number of partitions of topics.
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

inline constexpr ApiInfo kCreatePartitionsApi{
    .key = ApiKey::create_partitions,
    .name = "CreatePartitions",
    .announce = Announce::yes,
    .announced = {0, 3},
    .served = {0, 3},
    .flexible_since = 2,
    .access = Access::needs({{ResourceType::topic, Operation::alter}}),
};

struct CreatePartitionsRequest {
  static constexpr const char* kName = "CreatePartitionsRequest";
  static constexpr const ApiInfo& kApi = kCreatePartitionsApi;

  // The replicas of one of the new partitions.
  struct Assignment {
    std::vector<BrokerId> broker_ids;

    template <class V>
    static constexpr void describe(V& v) {
      v("broker_ids", &Assignment::broker_ids);
    }
    friend bool operator==(const Assignment&, const Assignment&) = default;
  };

  struct Topic {
    std::string_view name;
    std::int32_t partition_count = 0;                    // the new total
    std::optional<std::vector<Assignment>> assignments;  // null: the broker chooses

    template <class V>
    static constexpr void describe(V& v) {
      v("name", &Topic::name);
      v("count", &Topic::partition_count);
      v("assignments", &Topic::assignments, nullable());
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  std::vector<Topic> topics;
  std::int32_t timeout_ms = 0;
  bool validate_only = false;

  template <class V>
  static constexpr void describe(V& v) {
    v("topics", &CreatePartitionsRequest::topics);
    v("timeout_ms", &CreatePartitionsRequest::timeout_ms);
    v("validate_only", &CreatePartitionsRequest::validate_only);
  }
  friend bool operator==(const CreatePartitionsRequest&, const CreatePartitionsRequest&) = default;
};

struct CreatePartitionsResponse {
  static constexpr const char* kName = "CreatePartitionsResponse";
  static constexpr const ApiInfo& kApi = kCreatePartitionsApi;

  struct Topic {
    std::string name;
    Errc error_code = Errc::ok;
    std::optional<std::string> error_message;

    template <class V>
    static constexpr void describe(V& v) {
      v("name", &Topic::name);
      v("error_code", &Topic::error_code);
      v("error_message", &Topic::error_message, nullable());
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;

  template <class V>
  static constexpr void describe(V& v) {
    v("throttle_time_ms", &CreatePartitionsResponse::throttle_time_ms);
    v("results", &CreatePartitionsResponse::topics);
  }
  friend bool operator==(const CreatePartitionsResponse&,
                         const CreatePartitionsResponse&) = default;
};

}  // namespace strandline::wire
