// DescribeProducers (61): which producers a partition knows.
//
// Thread   values
// Owns     a request borrows strings from its frame
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/clock.h"
#include "protocol/base/errc.h"
#include "protocol/base/ids.h"
#include "protocol/wire/api.h"
#include "protocol/wire/field.h"

namespace strandline::wire {

inline constexpr ApiInfo kDescribeProducersApi{
    .key = ApiKey::describe_producers,
    .name = "DescribeProducers",
    .announce = Announce::yes,
    .announced = {0, 0},
    .served = {0, 0},
    .flexible_since = 0,
    .access = Access::needs({{ResourceType::topic, Operation::read}}),
};

struct DescribeProducersRequest {
  static constexpr const char* kName = "DescribeProducersRequest";
  static constexpr const ApiInfo& kApi = kDescribeProducersApi;

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

  std::vector<Topic> topics;

  template <class V>
  static constexpr void describe(V& v) {
    v("topics", &DescribeProducersRequest::topics);
  }
  friend bool operator==(const DescribeProducersRequest&,
                         const DescribeProducersRequest&) = default;
};

struct DescribeProducersResponse {
  static constexpr const char* kName = "DescribeProducersResponse";
  static constexpr const ApiInfo& kApi = kDescribeProducersApi;

  struct Producer {
    ProducerId producer_id = kNoProducerId;
    std::int32_t producer_epoch = -1;  // 32 bits here and nowhere else
    Sequence last_sequence = kNoSequence;
    Timestamp last_timestamp = kNoTimestamp;
    std::int32_t coordinator_epoch = -1;
    Offset current_txn_start_offset = kNoOffset;

    template <class V>
    static constexpr void describe(V& v) {
      v("producer_id", &Producer::producer_id);
      v("producer_epoch", &Producer::producer_epoch);
      v("last_sequence", &Producer::last_sequence);
      v("last_timestamp", &Producer::last_timestamp);
      v("coordinator_epoch", &Producer::coordinator_epoch);
      v("current_txn_start_offset", &Producer::current_txn_start_offset);
    }
    friend bool operator==(const Producer&, const Producer&) = default;
  };

  struct Partition {
    PartitionIndex index{};
    Errc error_code = Errc::ok;
    std::optional<std::string> error_message;
    std::vector<Producer> active_producers;

    template <class V>
    static constexpr void describe(V& v) {
      v("partition_index", &Partition::index);
      v("error_code", &Partition::error_code);
      v("error_message", &Partition::error_message, nullable());
      v("active_producers", &Partition::active_producers);
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
  std::vector<Topic> topics;

  template <class V>
  static constexpr void describe(V& v) {
    v("throttle_time_ms", &DescribeProducersResponse::throttle_time_ms);
    v("topics", &DescribeProducersResponse::topics);
  }
  friend bool operator==(const DescribeProducersResponse&,
                         const DescribeProducersResponse&) = default;
};

}  // namespace strandline::wire
