#include "broker/handlers/init_producer_id.h"

namespace strandline {

std::optional<wire::InitProducerIdResponse> answer_init_producer_id(
    ProducerIdPool& pool, const wire::InitProducerIdRequest& request) {
  if (request.transactional_id) return refuse_init_producer_id(Errc::invalid_request);
  const auto id = pool.take();
  if (!id) return std::nullopt;
  return wire::InitProducerIdResponse{.producer_id = *id, .producer_epoch = ProducerEpoch{0}};
}

wire::InitProducerIdResponse refuse_init_producer_id(Errc code) {
  return {.error_code = code, .producer_epoch = kNoProducerEpoch};
}

}  // namespace strandline
