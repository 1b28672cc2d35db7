// DeleteTopics (20): by name, and from version 6 on by id too.
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
#include "protocol/base/uuid.h"
#include "protocol/wire/api.h"
#include "protocol/wire/field.h"

namespace strandline::wire {

inline constexpr ApiInfo kDeleteTopicsApi{
    .key = ApiKey::delete_topics,
    .name = "DeleteTopics",
    .announce = Announce::yes,
    .announced = {1, 6},
    .served = {1, 6},
    .flexible_since = 4,
    .access = Access::needs({{ResourceType::topic, Operation::remove}}),
};

struct DeleteTopicsRequest {
  static constexpr const char* kName = "DeleteTopicsRequest";
  static constexpr const ApiInfo& kApi = kDeleteTopicsApi;

  struct Topic {
    std::optional<std::string_view> name;  // null: by id
    Uuid topic_id;

    template <class V>
    static constexpr void describe(V& v) {
      v("name", &Topic::name, nullable());
      v("topic_id", &Topic::topic_id);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  std::vector<Topic> topics;                  // from v6 on
  std::vector<std::string_view> topic_names;  // before v6
  std::int32_t timeout_ms = 0;

  template <class V>
  static constexpr void describe(V& v) {
    v("topics", &DeleteTopicsRequest::topics, since(6));
    v("topic_names", &DeleteTopicsRequest::topic_names, until(6));
    v("timeout_ms", &DeleteTopicsRequest::timeout_ms);
  }
  friend bool operator==(const DeleteTopicsRequest&, const DeleteTopicsRequest&) = default;
};

struct DeleteTopicsResponse {
  static constexpr const char* kName = "DeleteTopicsResponse";
  static constexpr const ApiInfo& kApi = kDeleteTopicsApi;

  struct Topic {
    std::optional<std::string> name;
    Uuid topic_id;
    Errc error_code = Errc::ok;
    std::optional<std::string> error_message;

    template <class V>
    static constexpr void describe(V& v) {
      v("name", &Topic::name, nullable(6));
      v("topic_id", &Topic::topic_id, since(6));
      v("error_code", &Topic::error_code);
      v("error_message", &Topic::error_message, since(5).nullable());
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;

  template <class V>
  static constexpr void describe(V& v) {
    v("throttle_time_ms", &DeleteTopicsResponse::throttle_time_ms);
    v("responses", &DeleteTopicsResponse::topics);
  }
  friend bool operator==(const DeleteTopicsResponse&, const DeleteTopicsResponse&) = default;
};

}  // namespace strandline::wire
