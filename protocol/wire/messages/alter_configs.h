// AlterConfigs (33), which replaces all overrides of a resource, and IncrementalAlterConfigs (44),
// which changes some. Both answer in the same form.
//
// Thread   values
// Owns     requests borrow strings from their frames
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/errc.h"
#include "protocol/wire/api.h"
#include "protocol/wire/field.h"
#include "protocol/wire/messages/config_types.h"

namespace strandline::wire {

inline constexpr ApiInfo kAlterConfigsApi{
    .key = ApiKey::alter_configs,
    .name = "AlterConfigs",
    .announce = Announce::yes,
    .announced = {0, 2},
    .served = {0, 2},
    .flexible_since = 2,
    .access = Access::needs({{ResourceType::topic, Operation::alter_configs},
                             {ResourceType::cluster, Operation::alter_configs}},
                            "topic for topics, cluster for all else"),
};

inline constexpr ApiInfo kIncrementalAlterConfigsApi{
    .key = ApiKey::incremental_alter_configs,
    .name = "IncrementalAlterConfigs",
    .announce = Announce::yes,
    .announced = {0, 1},
    .served = {0, 1},
    .flexible_since = 1,
    .access = Access::needs({{ResourceType::topic, Operation::alter_configs},
                             {ResourceType::cluster, Operation::alter_configs}},
                            "topic for topics, cluster for all else"),
};

struct AlterConfigsRequest {
  static constexpr const char* kName = "AlterConfigsRequest";
  static constexpr const ApiInfo& kApi = kAlterConfigsApi;

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

  struct Resource {
    ConfigResourceType type = ConfigResourceType::unknown;
    std::string_view name;
    std::vector<Config> configs;

    template <class V>
    static constexpr void describe(V& v) {
      v("resource_type", &Resource::type);
      v("resource_name", &Resource::name);
      v("configs", &Resource::configs);
    }
    friend bool operator==(const Resource&, const Resource&) = default;
  };

  std::vector<Resource> resources;
  bool validate_only = false;

  template <class V>
  static constexpr void describe(V& v) {
    v("resources", &AlterConfigsRequest::resources);
    v("validate_only", &AlterConfigsRequest::validate_only);
  }
  friend bool operator==(const AlterConfigsRequest&, const AlterConfigsRequest&) = default;
};

struct IncrementalAlterConfigsRequest {
  static constexpr const char* kName = "IncrementalAlterConfigsRequest";
  static constexpr const ApiInfo& kApi = kIncrementalAlterConfigsApi;

  struct Config {
    std::string_view name;
    ConfigOperation operation = ConfigOperation::set;  // any other number may come in: refuse it
    std::optional<std::string_view> value;

    template <class V>
    static constexpr void describe(V& v) {
      v("name", &Config::name);
      v("config_operation", &Config::operation);
      v("value", &Config::value, nullable());
    }
    friend bool operator==(const Config&, const Config&) = default;
  };

  struct Resource {
    ConfigResourceType type = ConfigResourceType::unknown;
    std::string_view name;
    std::vector<Config> configs;

    template <class V>
    static constexpr void describe(V& v) {
      v("resource_type", &Resource::type);
      v("resource_name", &Resource::name);
      v("configs", &Resource::configs);
    }
    friend bool operator==(const Resource&, const Resource&) = default;
  };

  std::vector<Resource> resources;
  bool validate_only = false;

  template <class V>
  static constexpr void describe(V& v) {
    v("resources", &IncrementalAlterConfigsRequest::resources);
    v("validate_only", &IncrementalAlterConfigsRequest::validate_only);
  }
  friend bool operator==(const IncrementalAlterConfigsRequest&,
                         const IncrementalAlterConfigsRequest&) = default;
};

struct AlteredResource {
  Errc error_code = Errc::ok;
  std::optional<std::string> error_message;
  ConfigResourceType type = ConfigResourceType::unknown;
  std::string name;

  template <class V>
  static constexpr void describe(V& v) {
    v("error_code", &AlteredResource::error_code);
    v("error_message", &AlteredResource::error_message, nullable());
    v("resource_type", &AlteredResource::type);
    v("resource_name", &AlteredResource::name);
  }
  friend bool operator==(const AlteredResource&, const AlteredResource&) = default;
};

struct AlterConfigsResponse {
  static constexpr const char* kName = "AlterConfigsResponse";
  static constexpr const ApiInfo& kApi = kAlterConfigsApi;

  std::int32_t throttle_time_ms = 0;
  std::vector<AlteredResource> resources;

  template <class V>
  static constexpr void describe(V& v) {
    v("throttle_time_ms", &AlterConfigsResponse::throttle_time_ms);
    v("responses", &AlterConfigsResponse::resources);
  }
  friend bool operator==(const AlterConfigsResponse&, const AlterConfigsResponse&) = default;
};

struct IncrementalAlterConfigsResponse {
  static constexpr const char* kName = "IncrementalAlterConfigsResponse";
  static constexpr const ApiInfo& kApi = kIncrementalAlterConfigsApi;

  std::int32_t throttle_time_ms = 0;
  std::vector<AlteredResource> resources;

  template <class V>
  static constexpr void describe(V& v) {
    v("throttle_time_ms", &IncrementalAlterConfigsResponse::throttle_time_ms);
    v("responses", &IncrementalAlterConfigsResponse::resources);
  }
  friend bool operator==(const IncrementalAlterConfigsResponse&,
                         const IncrementalAlterConfigsResponse&) = default;
};

}  // namespace strandline::wire
