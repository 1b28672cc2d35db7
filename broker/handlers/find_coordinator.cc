#include "broker/handlers/find_coordinator.h"

namespace strandline {
namespace {

constexpr std::int16_t kFirstVersionWithKeys = 4;

struct Refusal {
  Errc code;
  std::string reason;
};

Refusal refusal(wire::CoordinatorType type) {
  switch (type) {
    // Retriable on purpose: a consumer that only assigns partitions asks as well, because it has a
    // group.id, and must go on reading.
    case wire::CoordinatorType::group:
      return {Errc::coordinator_not_available, "This broker does not serve consumer groups"};
    // Final on purpose: a producer would wait for ever. Of the codes that say so this is the one
    // that librdkafka, too, takes as final: after INVALID_REQUEST it asks again each half second.
    case wire::CoordinatorType::transaction:
      return {Errc::transactional_id_authorization_failed,
              "This broker does not serve transactions"};
  }
  return {Errc::invalid_request, "Unknown coordinator type"};
}

}  // namespace

wire::FindCoordinatorResponse answer_find_coordinator(const wire::FindCoordinatorRequest& request,
                                                      std::int16_t version) {
  wire::FindCoordinatorResponse response;
  if (version < kFirstVersionWithKeys) {
    Refusal refused = refusal(request.key_type);
    response.error_code = refused.code;
    response.error_message = std::move(refused.reason);
    return response;
  }
  for (const auto key : request.keys) {
    Refusal refused = refusal(request.key_type);
    response.coordinators.push_back({.key = std::string{key},
                                     .error_code = refused.code,
                                     .error_message = std::move(refused.reason)});
  }
  return response;
}

}  // namespace strandline
