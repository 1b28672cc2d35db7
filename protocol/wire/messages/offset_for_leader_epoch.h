// OffsetForLeaderEpoch (23): where a leader epoch ended, for a client to see whether the log was
// truncated under it.
//
// Thread   values
// Owns     a request borrows strings from its frame
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/errc.h"
#include "protocol/base/ids.h"
#include "protocol/wire/api.h"
#include "protocol/wire/field.h"

namespace strandline::wire {

inline constexpr ApiInfo kOffsetForLeaderEpochApi{
    .key = ApiKey::offset_for_leader_epoch,
    .name = "OffsetForLeaderEpoch",
    .announce = Announce::yes,
    .announced = {2, 4},
    .served = {2, 4},
    .flexible_since = 4,
    .access = Access::needs({{ResourceType::topic, Operation::describe}}),
};

struct OffsetForLeaderEpochRequest {
  static constexpr const char* kName = "OffsetForLeaderEpochRequest";
  static constexpr const ApiInfo& kApi = kOffsetForLeaderEpochApi;

  struct Partition {
    PartitionIndex index{};
    LeaderEpoch current_leader_epoch = kNoLeaderEpoch;
    LeaderEpoch leader_epoch{};  // the one asked for

    template <class V>
    static constexpr void describe(V& v) {
      v("partition", &Partition::index);
      v("current_leader_epoch", &Partition::current_leader_epoch);
      v("leader_epoch", &Partition::leader_epoch);
    }
    friend bool operator==(const Partition&, const Partition&) = default;
  };

  struct Topic {
    std::string_view name;
    std::vector<Partition> partitions;

    template <class V>
    static constexpr void describe(V& v) {
      v("topic", &Topic::name);
      v("partitions", &Topic::partitions);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  BrokerId replica_id{-2};  // -1: a consumer, -2: a tool
  std::vector<Topic> topics;

  template <class V>
  static constexpr void describe(V& v) {
    v("replica_id", &OffsetForLeaderEpochRequest::replica_id, since(3));
    v("topics", &OffsetForLeaderEpochRequest::topics);
  }
  friend bool operator==(const OffsetForLeaderEpochRequest&,
                         const OffsetForLeaderEpochRequest&) = default;
};

struct OffsetForLeaderEpochResponse {
  static constexpr const char* kName = "OffsetForLeaderEpochResponse";
  static constexpr const ApiInfo& kApi = kOffsetForLeaderEpochApi;

  struct Partition {
    Errc error_code = Errc::ok;
    PartitionIndex index{};
    LeaderEpoch leader_epoch = kNoLeaderEpoch;  // the largest known that is not above the one asked
    Offset end_offset = kNoOffset;

    template <class V>
    static constexpr void describe(V& v) {
      v("error_code", &Partition::error_code);
      v("partition", &Partition::index);
      v("leader_epoch", &Partition::leader_epoch);
      v("end_offset", &Partition::end_offset);
    }
    friend bool operator==(const Partition&, const Partition&) = default;
  };

  struct Topic {
    std::string name;
    std::vector<Partition> partitions;

    template <class V>
    static constexpr void describe(V& v) {
      v("topic", &Topic::name);
      v("partitions", &Topic::partitions);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;

  template <class V>
  static constexpr void describe(V& v) {
    v("throttle_time_ms", &OffsetForLeaderEpochResponse::throttle_time_ms);
    v("topics", &OffsetForLeaderEpochResponse::topics);
  }
  friend bool operator==(const OffsetForLeaderEpochResponse&,
                         const OffsetForLeaderEpochResponse&) = default;
};

}  // namespace strandline::wire
