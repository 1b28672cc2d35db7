// DescribeConfigs (32) and ListConfigResources (74): what is set, to what, and why.
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

inline constexpr ApiInfo kDescribeConfigsApi{
    .key = ApiKey::describe_configs,
    .name = "DescribeConfigs",
    .announce = Announce::yes,
    .announced = {1, 4},
    .served = {1, 4},
    .flexible_since = 4,
    .access = Access::needs({{ResourceType::topic, Operation::describe_configs},
                             {ResourceType::cluster, Operation::describe_configs}},
                            "topic for topics, cluster for all else"),
};

inline constexpr ApiInfo kListConfigResourcesApi{
    .key = ApiKey::list_config_resources,
    .name = "ListConfigResources",
    .announce = Announce::yes,
    .announced = {0, 1},
    .served = {0, 1},
    .flexible_since = 0,
    .access = Access::needs({{ResourceType::cluster, Operation::describe_configs}}),
};

struct DescribeConfigsRequest {
  static constexpr const char* kName = "DescribeConfigsRequest";
  static constexpr const ApiInfo& kApi = kDescribeConfigsApi;

  struct Resource {
    ConfigResourceType type = ConfigResourceType::unknown;
    std::string_view name;
    std::optional<std::vector<std::string_view>> keys;  // null: all

    template <class V>
    static constexpr void describe(V& v) {
      v("resource_type", &Resource::type);
      v("resource_name", &Resource::name);
      v("configuration_keys", &Resource::keys, nullable());
    }
    friend bool operator==(const Resource&, const Resource&) = default;
  };

  std::vector<Resource> resources;
  bool include_synonyms = false;
  bool include_documentation = false;

  template <class V>
  static constexpr void describe(V& v) {
    v("resources", &DescribeConfigsRequest::resources);
    v("include_synonyms", &DescribeConfigsRequest::include_synonyms);
    v("include_documentation", &DescribeConfigsRequest::include_documentation, since(3));
  }
  friend bool operator==(const DescribeConfigsRequest&, const DescribeConfigsRequest&) = default;
};

struct DescribeConfigsResponse {
  static constexpr const char* kName = "DescribeConfigsResponse";
  static constexpr const ApiInfo& kApi = kDescribeConfigsApi;

  // A setting that would give the value if those before it were not there.
  struct Synonym {
    std::string name;
    std::optional<std::string> value;
    ConfigSource source = ConfigSource::unknown;

    template <class V>
    static constexpr void describe(V& v) {
      v("name", &Synonym::name);
      v("value", &Synonym::value, nullable());
      v("source", &Synonym::source);
    }
    friend bool operator==(const Synonym&, const Synonym&) = default;
  };

  struct Config {
    std::string name;
    std::optional<std::string> value;  // null when sensitive
    bool read_only = false;
    ConfigSource source = ConfigSource::not_told;
    bool is_sensitive = false;
    std::vector<Synonym> synonyms;
    ConfigType type = ConfigType::unknown;
    std::optional<std::string> documentation;

    template <class V>
    static constexpr void describe(V& v) {
      v("name", &Config::name);
      v("value", &Config::value, nullable());
      v("read_only", &Config::read_only);
      v("config_source", &Config::source);
      v("is_sensitive", &Config::is_sensitive);
      v("synonyms", &Config::synonyms);
      v("config_type", &Config::type, since(3));
      v("documentation", &Config::documentation, since(3).nullable());
    }
    friend bool operator==(const Config&, const Config&) = default;
  };

  struct Result {
    Errc error_code = Errc::ok;
    std::optional<std::string> error_message;
    ConfigResourceType type = ConfigResourceType::unknown;
    std::string name;
    std::vector<Config> configs;

    template <class V>
    static constexpr void describe(V& v) {
      v("error_code", &Result::error_code);
      v("error_message", &Result::error_message, nullable());
      v("resource_type", &Result::type);
      v("resource_name", &Result::name);
      v("configs", &Result::configs);
    }
    friend bool operator==(const Result&, const Result&) = default;
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<Result> results;

  template <class V>
  static constexpr void describe(V& v) {
    v("throttle_time_ms", &DescribeConfigsResponse::throttle_time_ms);
    v("results", &DescribeConfigsResponse::results);
  }
  friend bool operator==(const DescribeConfigsResponse&, const DescribeConfigsResponse&) = default;
};

struct ListConfigResourcesRequest {
  static constexpr const char* kName = "ListConfigResourcesRequest";
  static constexpr const ApiInfo& kApi = kListConfigResourcesApi;

  std::vector<ConfigResourceType> types;  // empty: all; v0 means client metrics

  template <class V>
  static constexpr void describe(V& v) {
    v("resource_types", &ListConfigResourcesRequest::types, since(1));
  }
  friend bool operator==(const ListConfigResourcesRequest&,
                         const ListConfigResourcesRequest&) = default;
};

struct ListConfigResourcesResponse {
  static constexpr const char* kName = "ListConfigResourcesResponse";
  static constexpr const ApiInfo& kApi = kListConfigResourcesApi;

  struct Resource {
    std::string name;
    ConfigResourceType type = ConfigResourceType::client_metrics;

    template <class V>
    static constexpr void describe(V& v) {
      v("resource_name", &Resource::name);
      v("resource_type", &Resource::type, since(1));
    }
    friend bool operator==(const Resource&, const Resource&) = default;
  };

  std::int32_t throttle_time_ms = 0;
  Errc error_code = Errc::ok;
  std::vector<Resource> resources;

  template <class V>
  static constexpr void describe(V& v) {
    v("throttle_time_ms", &ListConfigResourcesResponse::throttle_time_ms);
    v("error_code", &ListConfigResourcesResponse::error_code);
    v("config_resources", &ListConfigResourcesResponse::resources);
  }
  friend bool operator==(const ListConfigResourcesResponse&,
                         const ListConfigResourcesResponse&) = default;
};

}  // namespace strandline::wire
