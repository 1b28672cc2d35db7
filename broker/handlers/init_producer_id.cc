#include "broker/handlers/init_producer_id.h"

namespace strandline {
namespace {

wire::InitProducerIdResponse refusal(Errc code) {
  return {.error_code = code, .producer_epoch = kNoProducerEpoch};
}

}  // namespace

std::optional<wire::InitProducerIdResponse> refuse_init_producer_id(
    const wire::InitProducerIdRequest& request) {
  if (request.transactional_id) return refusal(Errc::invalid_request);
  return std::nullopt;
}

wire::InitProducerIdResponse answer_init_producer_id(const Result<ProducerId>& id) {
  if (!id) return refusal(Errc::coordinator_load_in_progress);
  return {.producer_id = id.value(), .producer_epoch = ProducerEpoch{0}};
}

}  // namespace strandline
