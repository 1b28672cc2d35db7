// InitProducerId (22): an id for an idempotent producer. With a transactional id it is refused
// until there are transactions.
//
// Thread   values
// Owns     a request borrows strings from its frame
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/base/errc.h"
#include "protocol/base/ids.h"
#include "protocol/wire/api.h"
#include "protocol/wire/field.h"

namespace strandline::wire {

inline constexpr ApiInfo kInitProducerIdApi{
    .key = ApiKey::init_producer_id,
    .name = "InitProducerId",
    .announce = Announce::yes,
    .announced = {0, 5},
    .served = {0, 5},
    .flexible_since = 2,
    .access = Access::needs({{ResourceType::transactional_id, Operation::write},
                             {ResourceType::cluster, Operation::idempotent_write},
                             {ResourceType::topic, Operation::write}},
                            "the first when there is a transactional id, else either of the others "
                            "(any topic)"),
};

struct InitProducerIdRequest {
  static constexpr const char* kName = "InitProducerIdRequest";
  static constexpr const ApiInfo& kApi = kInitProducerIdApi;

  std::optional<std::string_view> transactional_id;
  std::int32_t transaction_timeout_ms = 0;
  ProducerId producer_id = kNoProducerId;  // given with its epoch: bump that
  ProducerEpoch producer_epoch = kNoProducerEpoch;

  template <class V>
  static constexpr void describe(V& v) {
    v("transactional_id", &InitProducerIdRequest::transactional_id, nullable());
    v("transaction_timeout_ms", &InitProducerIdRequest::transaction_timeout_ms);
    v("producer_id", &InitProducerIdRequest::producer_id, since(3));
    v("producer_epoch", &InitProducerIdRequest::producer_epoch, since(3));
  }
  friend bool operator==(const InitProducerIdRequest&, const InitProducerIdRequest&) = default;
};

struct InitProducerIdResponse {
  static constexpr const char* kName = "InitProducerIdResponse";
  static constexpr const ApiInfo& kApi = kInitProducerIdApi;

  std::int32_t throttle_time_ms = 0;
  Errc error_code = Errc::ok;
  ProducerId producer_id = kNoProducerId;
  ProducerEpoch producer_epoch{};

  template <class V>
  static constexpr void describe(V& v) {
    v("throttle_time_ms", &InitProducerIdResponse::throttle_time_ms);
    v("error_code", &InitProducerIdResponse::error_code);
    v("producer_id", &InitProducerIdResponse::producer_id);
    v("producer_epoch", &InitProducerIdResponse::producer_epoch);
  }
  friend bool operator==(const InitProducerIdResponse&, const InitProducerIdResponse&) = default;
};

}  // namespace strandline::wire
