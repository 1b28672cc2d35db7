// InitProducerId (22): ids for idempotent producers.
//
// Thread   pure functions
#pragma once

#include <optional>

#include "protocol/base/result.h"
#include "protocol/wire/messages/init_producer_id.h"

namespace strandline {

// A transactional id is refused at once and finally: a retriable code would make the client wait
// for ever. None: it gets an id.
std::optional<wire::InitProducerIdResponse> refuse_init_producer_id(
    const wire::InitProducerIdRequest& request);

// An idempotent producer always gets a new id, whatever it had before. Without one it is told to
// ask again.
wire::InitProducerIdResponse answer_init_producer_id(const Result<ProducerId>& id);

}  // namespace strandline
