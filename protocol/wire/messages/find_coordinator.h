// FindCoordinator (10): which broker coordinates a group or a transactional id. Announced although
// there are neither groups nor transactions yet: librdkafka before 2.11 compresses with lz4 only
// when version 0 is in the announced range. Who asks gets a final answer in good form.
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
#include "protocol/wire/api.h"
#include "protocol/wire/field.h"

namespace strandline::wire {

inline constexpr ApiInfo kFindCoordinatorApi{
    .key = ApiKey::find_coordinator,
    .name = "FindCoordinator",
    .announce = Announce::yes,
    .announced = {0, 4},
    .served = {0, 4},
    .flexible_since = 3,
    .access = Access::needs({{ResourceType::group, Operation::describe},
                             {ResourceType::transactional_id, Operation::describe}},
                            "by the type of the key"),
};

// Any other number may come in: refuse it.
enum class CoordinatorType : std::int8_t { group = 0, transaction = 1 };

struct FindCoordinatorRequest {
  static constexpr const char* kName = "FindCoordinatorRequest";
  static constexpr const ApiInfo& kApi = kFindCoordinatorApi;

  std::string_view key;  // before v4
  CoordinatorType key_type = CoordinatorType::group;
  std::vector<std::string_view> keys;  // from v4 on

  template <class V>
  static constexpr void describe(V& v) {
    v("key", &FindCoordinatorRequest::key, until(4));
    v("key_type", &FindCoordinatorRequest::key_type, since(1));
    v("coordinator_keys", &FindCoordinatorRequest::keys, since(4));
  }
  friend bool operator==(const FindCoordinatorRequest&, const FindCoordinatorRequest&) = default;
};

struct FindCoordinatorResponse {
  static constexpr const char* kName = "FindCoordinatorResponse";
  static constexpr const ApiInfo& kApi = kFindCoordinatorApi;

  struct Coordinator {
    std::string key;
    BrokerId node_id = kNoBroker;
    std::string host;
    std::int32_t port = -1;
    Errc error_code = Errc::ok;
    std::optional<std::string> error_message;

    template <class V>
    static constexpr void describe(V& v) {
      v("key", &Coordinator::key);
      v("node_id", &Coordinator::node_id);
      v("host", &Coordinator::host);
      v("port", &Coordinator::port);
      v("error_code", &Coordinator::error_code);
      v("error_message", &Coordinator::error_message, nullable());
    }
    friend bool operator==(const Coordinator&, const Coordinator&) = default;
  };

  std::int32_t throttle_time_ms = 0;
  // Before v4, for the one key:
  Errc error_code = Errc::ok;
  std::optional<std::string> error_message;
  BrokerId node_id = kNoBroker;
  std::string host;
  std::int32_t port = -1;
  // From v4 on, for each key:
  std::vector<Coordinator> coordinators;

  template <class V>
  static constexpr void describe(V& v) {
    v("throttle_time_ms", &FindCoordinatorResponse::throttle_time_ms, since(1));
    v("error_code", &FindCoordinatorResponse::error_code, until(4));
    v("error_message", &FindCoordinatorResponse::error_message, since(1).until(4).nullable());
    v("node_id", &FindCoordinatorResponse::node_id, until(4));
    v("host", &FindCoordinatorResponse::host, until(4));
    v("port", &FindCoordinatorResponse::port, until(4));
    v("coordinators", &FindCoordinatorResponse::coordinators, since(4));
  }
  friend bool operator==(const FindCoordinatorResponse&, const FindCoordinatorResponse&) = default;
};

}  // namespace strandline::wire
