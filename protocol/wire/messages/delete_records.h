// DeleteRecords (21): moves the log start offset of partitions.
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

inline constexpr ApiInfo kDeleteRecordsApi{
    .key = ApiKey::delete_records,
    .name = "DeleteRecords",
    .announce = Announce::yes,
    .announced = {0, 2},
    .served = {0, 2},
    .flexible_since = 2,
    .access = Access::needs({{ResourceType::topic, Operation::remove}}),
};

struct DeleteRecordsRequest {
  static constexpr const char* kName = "DeleteRecordsRequest";
  static constexpr const ApiInfo& kApi = kDeleteRecordsApi;

  struct Partition {
    PartitionIndex index{};
    Offset offset{};  // the new log start; -1: the high watermark

    template <class V>
    static constexpr void describe(V& v) {
      v("partition_index", &Partition::index);
      v("offset", &Partition::offset);
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

  std::vector<Topic> topics;
  std::int32_t timeout_ms = 0;

  template <class V>
  static constexpr void describe(V& v) {
    v("topics", &DeleteRecordsRequest::topics);
    v("timeout_ms", &DeleteRecordsRequest::timeout_ms);
  }
  friend bool operator==(const DeleteRecordsRequest&, const DeleteRecordsRequest&) = default;
};

struct DeleteRecordsResponse {
  static constexpr const char* kName = "DeleteRecordsResponse";
  static constexpr const ApiInfo& kApi = kDeleteRecordsApi;

  struct Partition {
    PartitionIndex index{};
    Offset low_watermark = kNoOffset;  // the log start offset now
    Errc error_code = Errc::ok;

    template <class V>
    static constexpr void describe(V& v) {
      v("partition_index", &Partition::index);
      v("low_watermark", &Partition::low_watermark);
      v("error_code", &Partition::error_code);
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
    v("throttle_time_ms", &DeleteRecordsResponse::throttle_time_ms);
    v("topics", &DeleteRecordsResponse::topics);
  }
  friend bool operator==(const DeleteRecordsResponse&, const DeleteRecordsResponse&) = default;
};

}  // namespace strandline::wire
