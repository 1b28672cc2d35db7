// CreateTopics (19).
//
// Thread   the controller's
#pragma once

#include "broker/handlers/common.h"
#include "broker/handlers/config_view.h"
#include "protocol/wire/messages/create_topics.h"

namespace strandline {

Decided<wire::CreateTopicsResponse> decide_create_topics(Controller& controller,
                                                         const ConfigView& configs,
                                                         const wire::CreateTopicsRequest& request);

}  // namespace strandline
