// Produce (0): record batches for partitions.
//
// Versions 0-2 are announced and not served: librdkafka before 2.11 compresses only when 0 is in
// the announced range, and no maintained client sends them. Versions 11 and 12 have the form of 10.
//
// Thread   values
// Owns     a request borrows strings and records from its frame
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/clock.h"
#include "protocol/base/errc.h"
#include "protocol/base/ids.h"
#include "protocol/base/uuid.h"
#include "protocol/wire/api.h"
#include "protocol/wire/field.h"
#include "protocol/wire/messages/common.h"
#include "protocol/wire/types.h"

namespace strandline::wire {

inline constexpr ApiInfo kProduceApi{
    .key = ApiKey::produce,
    .name = "Produce",
    .announce = Announce::yes,
    .announced = {0, 13},
    .served = {3, 13},
    .flexible_since = 9,
    .access = Access::needs({{ResourceType::topic, Operation::write},
                             {ResourceType::transactional_id, Operation::write}},
                            "the transactional id only when there is one"),
};

struct ProduceRequest {
  static constexpr const char* kName = "ProduceRequest";
  static constexpr const ApiInfo& kApi = kProduceApi;

  struct Partition {
    PartitionIndex index{};
    std::optional<Records> records;

    template <class V>
    static constexpr void describe(V& v) {
      v("index", &Partition::index);
      v("records", &Partition::records, nullable());
    }
    friend bool operator==(const Partition&, const Partition&) = default;
  };

  struct Topic {
    std::string_view name;  // before v13
    Uuid topic_id;          // from v13 on
    std::vector<Partition> partitions;

    template <class V>
    static constexpr void describe(V& v) {
      v("name", &Topic::name, until(13));
      v("topic_id", &Topic::topic_id, since(13));
      v("partition_data", &Topic::partitions);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  std::optional<std::string_view> transactional_id;
  std::int16_t acks = 0;  // -1 all in-sync replicas, 0 no answer, 1 leader only
  std::int32_t timeout_ms = 0;
  std::vector<Topic> topics;

  template <class V>
  static constexpr void describe(V& v) {
    v("transactional_id", &ProduceRequest::transactional_id, nullable());
    v("acks", &ProduceRequest::acks);
    v("timeout_ms", &ProduceRequest::timeout_ms);
    v("topic_data", &ProduceRequest::topics);
  }
  friend bool operator==(const ProduceRequest&, const ProduceRequest&) = default;
};

struct ProduceResponse {
  static constexpr const char* kName = "ProduceResponse";
  static constexpr const ApiInfo& kApi = kProduceApi;

  struct RecordError {
    std::int32_t batch_index = 0;  // of the record in its batch
    std::optional<std::string> message;

    template <class V>
    static constexpr void describe(V& v) {
      v("batch_index", &RecordError::batch_index);
      v("batch_index_error_message", &RecordError::message, nullable());
    }
    friend bool operator==(const RecordError&, const RecordError&) = default;
  };

  struct Partition {
    PartitionIndex index{};
    Errc error_code = Errc::ok;
    Offset base_offset = kNoOffset;
    Timestamp log_append_time = kNoTimestamp;  // none with CreateTime
    Offset log_start_offset = kNoOffset;
    std::vector<RecordError> record_errors;
    std::optional<std::string> error_message;
    CurrentLeader current_leader;

    template <class V>
    static constexpr void describe(V& v) {
      v("index", &Partition::index);
      v("error_code", &Partition::error_code);
      v("base_offset", &Partition::base_offset);
      v("log_append_time_ms", &Partition::log_append_time);
      v("log_start_offset", &Partition::log_start_offset, since(5));
      v("record_errors", &Partition::record_errors, since(8));
      v("error_message", &Partition::error_message, since(8).nullable());
      v("current_leader", &Partition::current_leader, since(10).tag(0));
    }
    friend bool operator==(const Partition&, const Partition&) = default;
  };

  struct Topic {
    std::string name;  // before v13
    Uuid topic_id;     // from v13 on
    std::vector<Partition> partitions;

    template <class V>
    static constexpr void describe(V& v) {
      v("name", &Topic::name, until(13));
      v("topic_id", &Topic::topic_id, since(13));
      v("partition_responses", &Topic::partitions);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  std::vector<Topic> topics;
  std::int32_t throttle_time_ms = 0;
  std::vector<NodeEndpoint> node_endpoints;  // of the leaders named in current_leader

  template <class V>
  static constexpr void describe(V& v) {
    v("responses", &ProduceResponse::topics);
    v("throttle_time_ms", &ProduceResponse::throttle_time_ms);
    v("node_endpoints", &ProduceResponse::node_endpoints, since(10).tag(0));
  }
  friend bool operator==(const ProduceResponse&, const ProduceResponse&) = default;
};

}  // namespace strandline::wire
