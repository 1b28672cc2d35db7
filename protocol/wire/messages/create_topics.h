// CreateTopics (19).
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
#include "protocol/wire/messages/config_types.h"

namespace strandline::wire {

inline constexpr ApiInfo kCreateTopicsApi{
    .key = ApiKey::create_topics,
    .name = "CreateTopics",
    .announce = Announce::yes,
    .announced = {2, 7},
    .served = {2, 7},
    .flexible_since = 5,
    .access = Access::needs(
        {{ResourceType::cluster, Operation::create}, {ResourceType::topic, Operation::create}},
        "either; DESCRIBE_CONFIGS topic to be shown the configs"),
};

struct CreateTopicsRequest {
  static constexpr const char* kName = "CreateTopicsRequest";
  static constexpr const ApiInfo& kApi = kCreateTopicsApi;

  struct Assignment {
    PartitionIndex partition_index{};
    std::vector<BrokerId> broker_ids;  // the first is the preferred leader

    template <class V>
    static constexpr void describe(V& v) {
      v("partition_index", &Assignment::partition_index);
      v("broker_ids", &Assignment::broker_ids);
    }
    friend bool operator==(const Assignment&, const Assignment&) = default;
  };

  struct Config {
    std::string_view name;
    std::optional<std::string_view> value;

    template <class V>
    static constexpr void describe(V& v) {
      v("name", &Config::name);
      v("value", &Config::value, nullable());
    }
    friend bool operator==(const Config&, const Config&) = default;
  };

  struct Topic {
    std::string_view name;
    std::int32_t partition_count = 0;     // -1: the broker's default (v4 and later)
    std::int16_t replication_factor = 0;  // the same
    std::vector<Assignment> assignments;  // then both numbers must be -1
    std::vector<Config> configs;

    template <class V>
    static constexpr void describe(V& v) {
      v("name", &Topic::name);
      v("num_partitions", &Topic::partition_count);
      v("replication_factor", &Topic::replication_factor);
      v("assignments", &Topic::assignments);
      v("configs", &Topic::configs);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  std::vector<Topic> topics;
  std::int32_t timeout_ms = 60000;
  bool validate_only = false;

  template <class V>
  static constexpr void describe(V& v) {
    v("topics", &CreateTopicsRequest::topics);
    v("timeout_ms", &CreateTopicsRequest::timeout_ms);
    v("validate_only", &CreateTopicsRequest::validate_only);
  }
  friend bool operator==(const CreateTopicsRequest&, const CreateTopicsRequest&) = default;
};

struct CreateTopicsResponse {
  static constexpr const char* kName = "CreateTopicsResponse";
  static constexpr const ApiInfo& kApi = kCreateTopicsApi;

  struct Config {
    std::string name;
    std::optional<std::string> value;
    bool read_only = false;
    ConfigSource source = ConfigSource::not_told;
    bool is_sensitive = false;

    template <class V>
    static constexpr void describe(V& v) {
      v("name", &Config::name);
      v("value", &Config::value, nullable());
      v("read_only", &Config::read_only);
      v("config_source", &Config::source);
      v("is_sensitive", &Config::is_sensitive);
    }
    friend bool operator==(const Config&, const Config&) = default;
  };

  struct Topic {
    std::string name;
    Uuid topic_id;
    Errc error_code = Errc::ok;
    std::optional<std::string> error_message;
    Errc config_error_code = Errc::ok;  // why configs is null
    std::int32_t partition_count = -1;
    std::int16_t replication_factor = -1;
    std::optional<std::vector<Config>> configs;

    template <class V>
    static constexpr void describe(V& v) {
      v("name", &Topic::name);
      v("topic_id", &Topic::topic_id, since(7));
      v("error_code", &Topic::error_code);
      v("error_message", &Topic::error_message, nullable());
      v("topic_config_error_code", &Topic::config_error_code, since(5).tag(0));
      v("num_partitions", &Topic::partition_count, since(5));
      v("replication_factor", &Topic::replication_factor, since(5));
      v("configs", &Topic::configs, since(5).nullable());
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;

  template <class V>
  static constexpr void describe(V& v) {
    v("throttle_time_ms", &CreateTopicsResponse::throttle_time_ms);
    v("topics", &CreateTopicsResponse::topics);
  }
  friend bool operator==(const CreateTopicsResponse&, const CreateTopicsResponse&) = default;
};

}  // namespace strandline::wire
