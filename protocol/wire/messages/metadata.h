// Metadata (3): brokers, topics, and who leads which partition.
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

inline constexpr ApiInfo kMetadataApi{
    .key = ApiKey::metadata,
    .name = "Metadata",
    .announce = Announce::yes,
    .announced = {0, 13},
    .served = {0, 13},
    .flexible_since = 9,
    .access = Access::needs({{ResourceType::topic, Operation::describe},
                             {ResourceType::topic, Operation::create},
                             {ResourceType::cluster, Operation::create}},
                            "CREATE (on either) only for a topic it would create"),
};

struct MetadataRequest {
  static constexpr const char* kName = "MetadataRequest";
  static constexpr const ApiInfo& kApi = kMetadataApi;

  struct Topic {
    Uuid topic_id;
    std::optional<std::string_view> name;  // null from v12 on: asked by id

    template <class V>
    static constexpr void describe(V& v) {
      v("topic_id", &Topic::topic_id, since(10));
      v("name", &Topic::name, nullable(10));
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  std::optional<std::vector<Topic>> topics;  // null is all; in v0, which has no null, empty is all
  bool allow_auto_topic_creation = true;
  bool include_cluster_authorized_operations = false;
  bool include_topic_authorized_operations = false;

  bool asks_all(std::int16_t version) const { return !topics || (version == 0 && topics->empty()); }

  template <class V>
  static constexpr void describe(V& v) {
    v("topics", &MetadataRequest::topics, nullable(1));
    v("allow_auto_topic_creation", &MetadataRequest::allow_auto_topic_creation, since(4));
    v("include_cluster_authorized_operations",
      &MetadataRequest::include_cluster_authorized_operations, since(8).until(11));
    v("include_topic_authorized_operations", &MetadataRequest::include_topic_authorized_operations,
      since(8));
  }
  friend bool operator==(const MetadataRequest&, const MetadataRequest&) = default;
};

struct MetadataResponse {
  static constexpr const char* kName = "MetadataResponse";
  static constexpr const ApiInfo& kApi = kMetadataApi;

  struct Broker {
    BrokerId node_id = kNoBroker;
    std::string host;
    std::int32_t port = 0;
    std::optional<std::string> rack;

    template <class V>
    static constexpr void describe(V& v) {
      v("node_id", &Broker::node_id);
      v("host", &Broker::host);
      v("port", &Broker::port);
      v("rack", &Broker::rack, since(1).nullable());
    }
    friend bool operator==(const Broker&, const Broker&) = default;
  };

  struct Partition {
    Errc error_code = Errc::ok;
    PartitionIndex index{};
    BrokerId leader_id = kNoBroker;
    LeaderEpoch leader_epoch = kNoLeaderEpoch;
    std::vector<BrokerId> replicas;
    std::vector<BrokerId> isr;
    std::vector<BrokerId> offline_replicas;

    template <class V>
    static constexpr void describe(V& v) {
      v("error_code", &Partition::error_code);
      v("partition_index", &Partition::index);
      v("leader_id", &Partition::leader_id);
      v("leader_epoch", &Partition::leader_epoch, since(7));
      v("replica_nodes", &Partition::replicas);
      v("isr_nodes", &Partition::isr);
      v("offline_replicas", &Partition::offline_replicas, since(5));
    }
    friend bool operator==(const Partition&, const Partition&) = default;
  };

  struct Topic {
    Errc error_code = Errc::ok;
    std::optional<std::string> name;  // null from v12 on for an id nobody knows
    Uuid topic_id;
    bool is_internal = false;
    std::vector<Partition> partitions;
    std::int32_t authorized_operations = kOperationsNotAsked;

    template <class V>
    static constexpr void describe(V& v) {
      v("error_code", &Topic::error_code);
      v("name", &Topic::name, nullable(12));
      v("topic_id", &Topic::topic_id, since(10));
      v("is_internal", &Topic::is_internal, since(1));
      v("partitions", &Topic::partitions);
      v("topic_authorized_operations", &Topic::authorized_operations, since(8));
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<Broker> brokers;
  std::optional<std::string> cluster_id;
  BrokerId controller_id = kNoBroker;
  std::vector<Topic> topics;
  std::int32_t cluster_authorized_operations = kOperationsNotAsked;
  Errc error_code = Errc::ok;

  template <class V>
  static constexpr void describe(V& v) {
    v("throttle_time_ms", &MetadataResponse::throttle_time_ms, since(3));
    v("brokers", &MetadataResponse::brokers);
    v("cluster_id", &MetadataResponse::cluster_id, since(2).nullable());
    v("controller_id", &MetadataResponse::controller_id, since(1));
    v("topics", &MetadataResponse::topics);
    v("cluster_authorized_operations", &MetadataResponse::cluster_authorized_operations,
      since(8).until(11));
    v("error_code", &MetadataResponse::error_code, since(13));
  }
  friend bool operator==(const MetadataResponse&, const MetadataResponse&) = default;
};

}  // namespace strandline::wire
