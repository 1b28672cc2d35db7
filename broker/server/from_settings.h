// What parts of the broker take from its settings.
//
// Thread   pure functions
#pragma once

#include "broker/config/settings.h"
#include "broker/net/connection.h"
#include "replication/metadata/controller.h"

namespace strandline {

ControllerConfig controller_config(const Settings& settings);
ConnectionLimits connection_limits(const Settings& settings);

}  // namespace strandline
