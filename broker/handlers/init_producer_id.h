// InitProducerId (22): ids for idempotent producers.
//
// Thread   the pool's
#pragma once

#include <optional>

#include "protocol/wire/messages/init_producer_id.h"
#include "replication/metadata/producer_ids.h"

namespace strandline {

// A transactional id is refused at once and finally: a retriable code would make the client wait
// for ever. An idempotent producer always gets a new id, whatever it had before.
//
// Returns  none when the pool is empty: have the controller allocate a block, refill the pool when
//          it is committed, and ask again
std::optional<wire::InitProducerIdResponse> answer_init_producer_id(
    ProducerIdPool& pool, const wire::InitProducerIdRequest& request);

// The answer when no block could be had.
wire::InitProducerIdResponse refuse_init_producer_id(Errc code);

}  // namespace strandline
