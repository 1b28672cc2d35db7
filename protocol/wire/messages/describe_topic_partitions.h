// DescribeTopicPartitions (75): like Metadata for topics, in pages.
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
#include "protocol/base/uuid.h"
#include "protocol/wire/api.h"
#include "protocol/wire/field.h"
#include "protocol/wire/types.h"

namespace strandline::wire {

inline constexpr ApiInfo kDescribeTopicPartitionsApi{
    .key = ApiKey::describe_topic_partitions,
    .name = "DescribeTopicPartitions",
    .announce = Announce::yes,
    .announced = {0, 0},
    .served = {0, 0},
    .flexible_since = 0,
    .access = Access::needs({{ResourceType::topic, Operation::describe}}),
};

struct DescribeTopicPartitionsRequest {
  static constexpr const char* kName = "DescribeTopicPartitionsRequest";
  static constexpr const ApiInfo& kApi = kDescribeTopicPartitionsApi;

  struct Topic {
    std::string_view name;

    template <class V>
    static constexpr void describe(V& v) {
      v("name", &Topic::name);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  // The first partition to answer; topics before it in the order of names are left out.
  struct Cursor {
    std::string_view topic_name;
    PartitionIndex partition_index;

    template <class V>
    static constexpr void describe(V& v) {
      v("topic_name", &Cursor::topic_name);
      v("partition_index", &Cursor::partition_index);
    }
    friend bool operator==(const Cursor&, const Cursor&) = default;
  };

  std::vector<Topic> topics;  // empty: all
  std::int32_t response_partition_limit = 2000;
  std::optional<Cursor> cursor;

  template <class V>
  static constexpr void describe(V& v) {
    v("topics", &DescribeTopicPartitionsRequest::topics);
    v("response_partition_limit", &DescribeTopicPartitionsRequest::response_partition_limit);
    v("cursor", &DescribeTopicPartitionsRequest::cursor, nullable());
  }
  friend bool operator==(const DescribeTopicPartitionsRequest&,
                         const DescribeTopicPartitionsRequest&) = default;
};

struct DescribeTopicPartitionsResponse {
  static constexpr const char* kName = "DescribeTopicPartitionsResponse";
  static constexpr const ApiInfo& kApi = kDescribeTopicPartitionsApi;

  struct Partition {
    Errc error_code = Errc::ok;
    PartitionIndex index{};
    BrokerId leader_id = kNoBroker;
    LeaderEpoch leader_epoch = kNoLeaderEpoch;
    std::vector<BrokerId> replicas;
    std::vector<BrokerId> isr;
    std::optional<std::vector<BrokerId>> eligible_leader_replicas;
    std::optional<std::vector<BrokerId>> last_known_elr;
    std::vector<BrokerId> offline_replicas;

    template <class V>
    static constexpr void describe(V& v) {
      v("error_code", &Partition::error_code);
      v("partition_index", &Partition::index);
      v("leader_id", &Partition::leader_id);
      v("leader_epoch", &Partition::leader_epoch);
      v("replica_nodes", &Partition::replicas);
      v("isr_nodes", &Partition::isr);
      v("eligible_leader_replicas", &Partition::eligible_leader_replicas, nullable());
      v("last_known_elr", &Partition::last_known_elr, nullable());
      v("offline_replicas", &Partition::offline_replicas);
    }
    friend bool operator==(const Partition&, const Partition&) = default;
  };

  struct Topic {
    Errc error_code = Errc::ok;
    std::optional<std::string> name;
    Uuid topic_id;
    bool is_internal = false;
    std::vector<Partition> partitions;
    std::int32_t authorized_operations = kOperationsNotAsked;

    template <class V>
    static constexpr void describe(V& v) {
      v("error_code", &Topic::error_code);
      v("name", &Topic::name, nullable());
      v("topic_id", &Topic::topic_id);
      v("is_internal", &Topic::is_internal);
      v("partitions", &Topic::partitions);
      v("topic_authorized_operations", &Topic::authorized_operations);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  // Where the next request goes on; null when all has been said.
  struct Cursor {
    std::string topic_name;
    PartitionIndex partition_index;

    template <class V>
    static constexpr void describe(V& v) {
      v("topic_name", &Cursor::topic_name);
      v("partition_index", &Cursor::partition_index);
    }
    friend bool operator==(const Cursor&, const Cursor&) = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;
  std::optional<Cursor> next_cursor;

  template <class V>
  static constexpr void describe(V& v) {
    v("throttle_time_ms", &DescribeTopicPartitionsResponse::throttle_time_ms);
    v("topics", &DescribeTopicPartitionsResponse::topics);
    v("next_cursor", &DescribeTopicPartitionsResponse::next_cursor, nullable());
  }
  friend bool operator==(const DescribeTopicPartitionsResponse&,
                         const DescribeTopicPartitionsResponse&) = default;
};

}  // namespace strandline::wire
