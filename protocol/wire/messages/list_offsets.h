// ListOffsets (2): the offset at a time, or at one of the ends of a log.
//
// Thread   values
// Owns     a request borrows strings from its frame
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/clock.h"
#include "protocol/base/errc.h"
#include "protocol/base/ids.h"
#include "protocol/wire/api.h"
#include "protocol/wire/field.h"
#include "protocol/wire/types.h"

namespace strandline::wire {

inline constexpr ApiInfo kListOffsetsApi{
    .key = ApiKey::list_offsets,
    .name = "ListOffsets",
    .announce = Announce::yes,
    .announced = {1, 11},
    .served = {1, 11},
    .flexible_since = 6,
    .access = Access::needs({{ResourceType::topic, Operation::describe}}),
};

// Times with a meaning of their own in a request; any other negative one is UNSUPPORTED_VERSION.
inline constexpr Timestamp kLatestOffset{-1};
inline constexpr Timestamp kEarliestOffset{-2};
inline constexpr Timestamp kOffsetOfMaxTimestamp{-3};         // v7 and later
inline constexpr Timestamp kEarliestLocalOffset{-4};          // v8 and later
inline constexpr Timestamp kLatestTieredOffset{-5};           // v9 and later
inline constexpr Timestamp kEarliestPendingUploadOffset{-6};  // v11 and later

struct ListOffsetsRequest {
  static constexpr const char* kName = "ListOffsetsRequest";
  static constexpr const ApiInfo& kApi = kListOffsetsApi;

  struct Partition {
    PartitionIndex index{};
    LeaderEpoch current_leader_epoch = kNoLeaderEpoch;
    Timestamp timestamp{};

    template <class V>
    static constexpr void describe(V& v) {
      v("partition_index", &Partition::index);
      v("current_leader_epoch", &Partition::current_leader_epoch, since(4));
      v("timestamp", &Partition::timestamp);
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

  BrokerId replica_id = kNoBroker;  // -1: a consumer
  IsolationLevel isolation_level = IsolationLevel::read_uncommitted;
  std::vector<Topic> topics;
  std::int32_t timeout_ms = 0;

  template <class V>
  static constexpr void describe(V& v) {
    v("replica_id", &ListOffsetsRequest::replica_id);
    v("isolation_level", &ListOffsetsRequest::isolation_level, since(2));
    v("topics", &ListOffsetsRequest::topics);
    v("timeout_ms", &ListOffsetsRequest::timeout_ms, since(10));
  }
  friend bool operator==(const ListOffsetsRequest&, const ListOffsetsRequest&) = default;
};

struct ListOffsetsResponse {
  static constexpr const char* kName = "ListOffsetsResponse";
  static constexpr const ApiInfo& kApi = kListOffsetsApi;

  struct Partition {
    PartitionIndex index{};
    Errc error_code = Errc::ok;
    Timestamp timestamp = kNoTimestamp;
    Offset offset = kNoOffset;
    LeaderEpoch leader_epoch = kNoLeaderEpoch;

    template <class V>
    static constexpr void describe(V& v) {
      v("partition_index", &Partition::index);
      v("error_code", &Partition::error_code);
      v("timestamp", &Partition::timestamp);
      v("offset", &Partition::offset);
      v("leader_epoch", &Partition::leader_epoch, since(4));
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
    v("throttle_time_ms", &ListOffsetsResponse::throttle_time_ms, since(2));
    v("topics", &ListOffsetsResponse::topics);
  }
  friend bool operator==(const ListOffsetsResponse&, const ListOffsetsResponse&) = default;
};

}  // namespace strandline::wire
