// DeleteTopics (20), by name or (from version 6 on) by id.
//
// Thread   the controller's
#pragma once

#include <cstdint>

#include "broker/handlers/common.h"
#include "protocol/wire/messages/delete_topics.h"

namespace strandline {

Decided<wire::DeleteTopicsResponse> decide_delete_topics(const Controller& controller,
                                                         const wire::DeleteTopicsRequest& request,
                                                         std::int16_t version);

}  // namespace strandline
