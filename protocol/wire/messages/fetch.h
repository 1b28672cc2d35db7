// Fetch (1): record batches of partitions, from given offsets on.
//
// Thread   values
// Owns     a request borrows strings from its frame, a response its records from wherever they are
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

inline constexpr ApiInfo kFetchApi{
    .key = ApiKey::fetch,
    .name = "Fetch",
    .announce = Announce::yes,
    .announced = {4, 17},
    .served = {4, 17},
    .flexible_since = 12,
    .access = Access::needs({{ResourceType::topic, Operation::read}}),
};

// Not Kafka's: a client that sends this tag in a request (v12+) finds it at the partitions whose
// log it has read to the end. Others skip unknown tags. docs/protocol.md, "What a broker knows of
// time"
inline constexpr std::int16_t kTimeStatementTag = 21324;

struct FetchRequest {
  static constexpr const char* kName = "FetchRequest";
  static constexpr const ApiInfo& kApi = kFetchApi;

  // Followers only; consumers leave it out.
  struct ReplicaState {
    BrokerId replica_id = kNoBroker;
    std::int64_t replica_epoch = -1;

    template <class V>
    static constexpr void describe(V& v) {
      v("replica_id", &ReplicaState::replica_id);
      v("replica_epoch", &ReplicaState::replica_epoch);
    }
    friend bool operator==(const ReplicaState&, const ReplicaState&) = default;
  };

  struct Partition {
    PartitionIndex index{};
    LeaderEpoch current_leader_epoch = kNoLeaderEpoch;
    Offset fetch_offset{};
    LeaderEpoch last_fetched_epoch = kNoLeaderEpoch;
    Offset log_start_offset = kNoOffset;
    std::int32_t bytes_max = 0;
    Uuid replica_directory_id;

    template <class V>
    static constexpr void describe(V& v) {
      v("partition", &Partition::index);
      v("current_leader_epoch", &Partition::current_leader_epoch, since(9));
      v("fetch_offset", &Partition::fetch_offset);
      v("last_fetched_epoch", &Partition::last_fetched_epoch, since(12));
      v("log_start_offset", &Partition::log_start_offset, since(5));
      v("partition_max_bytes", &Partition::bytes_max);
      v("replica_directory_id", &Partition::replica_directory_id, since(17).tag(0));
    }
    friend bool operator==(const Partition&, const Partition&) = default;
  };

  struct Topic {
    std::string_view name;  // before v13
    Uuid topic_id;          // from v13 on
    std::vector<Partition> partitions;

    template <class V>
    static constexpr void describe(V& v) {
      v("topic", &Topic::name, until(13));
      v("topic_id", &Topic::topic_id, since(13));
      v("partitions", &Topic::partitions);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  // Partitions to drop from an incremental session.
  struct ForgottenTopic {
    std::string_view name;
    Uuid topic_id;
    std::vector<PartitionIndex> partitions;

    template <class V>
    static constexpr void describe(V& v) {
      v("topic", &ForgottenTopic::name, until(13));
      v("topic_id", &ForgottenTopic::topic_id, since(13));
      v("partitions", &ForgottenTopic::partitions);
    }
    friend bool operator==(const ForgottenTopic&, const ForgottenTopic&) = default;
  };

  std::optional<std::string_view> cluster_id;
  BrokerId replica_id = kNoBroker;  // -1: a consumer
  ReplicaState replica_state;
  std::int32_t wait_ms_max = 0;
  std::int32_t bytes_min = 0;
  std::int32_t bytes_max = INT32_MAX;
  IsolationLevel isolation_level = IsolationLevel::read_uncommitted;
  std::int32_t session_id = 0;
  std::int32_t session_epoch = -1;
  std::vector<Topic> topics;
  std::vector<ForgottenTopic> forgotten_topics;
  std::string_view rack_id;
  std::int8_t time_statements = 0;  // the version of statements that is understood; 0: none

  template <class V>
  static constexpr void describe(V& v) {
    v("cluster_id", &FetchRequest::cluster_id, since(12).nullable().tag(0));
    v("replica_id", &FetchRequest::replica_id, until(15));
    v("replica_state", &FetchRequest::replica_state, since(15).tag(1));
    v("max_wait_ms", &FetchRequest::wait_ms_max);
    v("min_bytes", &FetchRequest::bytes_min);
    v("max_bytes", &FetchRequest::bytes_max);
    v("isolation_level", &FetchRequest::isolation_level);
    v("session_id", &FetchRequest::session_id, since(7));
    v("session_epoch", &FetchRequest::session_epoch, since(7));
    v("topics", &FetchRequest::topics);
    v("forgotten_topics_data", &FetchRequest::forgotten_topics, since(7));
    v("rack_id", &FetchRequest::rack_id, since(11));
    v("time_statements", &FetchRequest::time_statements, since(12).tag(kTimeStatementTag));
  }
  friend bool operator==(const FetchRequest&, const FetchRequest&) = default;
};

struct FetchResponse {
  static constexpr const char* kName = "FetchResponse";
  static constexpr const ApiInfo& kApi = kFetchApi;

  // The largest epoch the client's and our log share, and where it ends: cut back to there.
  struct EpochEnd {
    LeaderEpoch epoch = kNoLeaderEpoch;
    Offset end_offset = kNoOffset;

    template <class V>
    static constexpr void describe(V& v) {
      v("epoch", &EpochEnd::epoch);
      v("end_offset", &EpochEnd::end_offset);
    }
    friend bool operator==(const EpochEnd&, const EpochEnd&) = default;
  };

  struct SnapshotId {
    Offset end_offset = kNoOffset;
    LeaderEpoch epoch = kNoLeaderEpoch;

    template <class V>
    static constexpr void describe(V& v) {
      v("end_offset", &SnapshotId::end_offset);
      v("epoch", &SnapshotId::epoch);
    }
    friend bool operator==(const SnapshotId&, const SnapshotId&) = default;
  };

  // Nothing that was appended before `broker_time` lies at or above `log_end_offset`.
  struct TimeStatement {
    std::int8_t version = 0;  // 1; 0: there is none
    Offset log_end_offset = kNoOffset;
    Timestamp broker_time = kNoTimestamp;
    Timestamp highest_event_time = kNoTimestamp;  // -1: no record has one
    std::int64_t idle_ms = 0;  // without an append, as far as this leader has been there

    template <class V>
    static constexpr void describe(V& v) {
      v("version", &TimeStatement::version);
      v("log_end_offset", &TimeStatement::log_end_offset);
      v("broker_time", &TimeStatement::broker_time);
      v("highest_event_time", &TimeStatement::highest_event_time);
      v("idle_ms", &TimeStatement::idle_ms);
    }
    friend bool operator==(const TimeStatement&, const TimeStatement&) = default;
  };

  struct AbortedTransaction {
    ProducerId producer_id = kNoProducerId;
    Offset first_offset{};

    template <class V>
    static constexpr void describe(V& v) {
      v("producer_id", &AbortedTransaction::producer_id);
      v("first_offset", &AbortedTransaction::first_offset);
    }
    friend bool operator==(const AbortedTransaction&, const AbortedTransaction&) = default;
  };

  struct Partition {
    PartitionIndex index{};
    Errc error_code = Errc::ok;
    Offset high_watermark = kNoOffset;
    Offset last_stable_offset = kNoOffset;
    Offset log_start_offset = kNoOffset;
    EpochEnd diverging_epoch;
    CurrentLeader current_leader;
    SnapshotId snapshot_id;
    TimeStatement time_statement;
    std::optional<std::vector<AbortedTransaction>> aborted_transactions;  // null: read_uncommitted
    BrokerId preferred_read_replica = kNoBroker;
    Records records;  // never null on the wire: older librdkafka takes null for damage

    template <class V>
    static constexpr void describe(V& v) {
      v("partition_index", &Partition::index);
      v("error_code", &Partition::error_code);
      v("high_watermark", &Partition::high_watermark);
      v("last_stable_offset", &Partition::last_stable_offset);
      v("log_start_offset", &Partition::log_start_offset, since(5));
      v("diverging_epoch", &Partition::diverging_epoch, since(12).tag(0));
      v("current_leader", &Partition::current_leader, since(12).tag(1));
      v("snapshot_id", &Partition::snapshot_id, since(12).tag(2));
      v("time_statement", &Partition::time_statement, since(12).tag(kTimeStatementTag));
      v("aborted_transactions", &Partition::aborted_transactions, nullable());
      v("preferred_read_replica", &Partition::preferred_read_replica, since(11));
      v("records", &Partition::records, nullable());
    }
    friend bool operator==(const Partition&, const Partition&) = default;
  };

  struct Topic {
    std::string name;  // before v13
    Uuid topic_id;     // from v13 on
    std::vector<Partition> partitions;

    template <class V>
    static constexpr void describe(V& v) {
      v("topic", &Topic::name, until(13));
      v("topic_id", &Topic::topic_id, since(13));
      v("partitions", &Topic::partitions);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  std::int32_t throttle_time_ms = 0;
  Errc error_code = Errc::ok;
  std::int32_t session_id = 0;  // 0: no session, clients go on with full requests
  std::vector<Topic> topics;
  std::vector<NodeEndpoint> node_endpoints;  // of the leaders named in current_leader

  template <class V>
  static constexpr void describe(V& v) {
    v("throttle_time_ms", &FetchResponse::throttle_time_ms);
    v("error_code", &FetchResponse::error_code, since(7));
    v("session_id", &FetchResponse::session_id, since(7));
    v("responses", &FetchResponse::topics);
    v("node_endpoints", &FetchResponse::node_endpoints, since(16).tag(0));
  }
  friend bool operator==(const FetchResponse&, const FetchResponse&) = default;
};

}  // namespace strandline::wire
