// ApiVersions (18): which APIs and versions a broker serves. Most clients ask it first.
//
// Thread   values
// Owns     a request borrows strings from its frame
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/errc.h"
#include "protocol/wire/api.h"
#include "protocol/wire/field.h"

namespace strandline::wire {

inline constexpr ApiInfo kApiVersionsApi{
    .key = ApiKey::api_versions,
    .name = "ApiVersions",
    .announce = Announce::yes,
    .announced = {0, 4},
    .served = {0, 4},
    .flexible_since = 3,
    .access = Access::open(),
    .plain_response_header = true,
};

struct ApiVersionsRequest {
  static constexpr const char* kName = "ApiVersionsRequest";
  static constexpr const ApiInfo& kApi = kApiVersionsApi;

  std::string_view client_software_name;
  std::string_view client_software_version;

  // Both must look like a name: letters and digits, in between also '.' and '-'. Versions below 3
  // carry neither. When false the answer is INVALID_REQUEST.
  bool names_valid_software(std::int16_t version) const;

  template <class V>
  static constexpr void describe(V& v) {
    v("client_software_name", &ApiVersionsRequest::client_software_name, since(3));
    v("client_software_version", &ApiVersionsRequest::client_software_version, since(3));
  }
  friend bool operator==(const ApiVersionsRequest&, const ApiVersionsRequest&) = default;
};

struct ApiVersionsResponse {
  static constexpr const char* kName = "ApiVersionsResponse";
  static constexpr const ApiInfo& kApi = kApiVersionsApi;

  struct Api {
    std::int16_t api_key = 0;
    std::int16_t version_min = 0;
    std::int16_t version_max = 0;

    template <class V>
    static constexpr void describe(V& v) {
      v("api_key", &Api::api_key);
      v("min_version", &Api::version_min);
      v("max_version", &Api::version_max);
    }
    friend bool operator==(const Api&, const Api&) = default;
  };

  struct SupportedFeature {
    std::string name;
    std::int16_t version_min = 0;
    std::int16_t version_max = 0;

    template <class V>
    static constexpr void describe(V& v) {
      v("name", &SupportedFeature::name);
      v("min_version", &SupportedFeature::version_min);
      v("max_version", &SupportedFeature::version_max);
    }
    friend bool operator==(const SupportedFeature&, const SupportedFeature&) = default;
  };

  struct FinalizedFeature {
    std::string name;
    std::int16_t level_max = 0;
    std::int16_t level_min = 0;

    template <class V>
    static constexpr void describe(V& v) {
      v("name", &FinalizedFeature::name);
      v("max_version_level", &FinalizedFeature::level_max);
      v("min_version_level", &FinalizedFeature::level_min);
    }
    friend bool operator==(const FinalizedFeature&, const FinalizedFeature&) = default;
  };

  Errc error_code = Errc::ok;
  std::vector<Api> apis;
  std::int32_t throttle_time_ms = 0;
  std::vector<SupportedFeature> supported_features;
  std::int64_t finalized_features_epoch = -1;
  std::vector<FinalizedFeature> finalized_features;
  bool zk_migration_ready = false;

  template <class V>
  static constexpr void describe(V& v) {
    v("error_code", &ApiVersionsResponse::error_code);
    v("api_keys", &ApiVersionsResponse::apis);
    v("throttle_time_ms", &ApiVersionsResponse::throttle_time_ms, since(1));
    v("supported_features", &ApiVersionsResponse::supported_features, since(3).tag(0));
    v("finalized_features_epoch", &ApiVersionsResponse::finalized_features_epoch, since(3).tag(1));
    v("finalized_features", &ApiVersionsResponse::finalized_features, since(3).tag(2));
    v("zk_migration_ready", &ApiVersionsResponse::zk_migration_ready, since(3).tag(3));
  }
  friend bool operator==(const ApiVersionsResponse&, const ApiVersionsResponse&) = default;
};

}  // namespace strandline::wire
