// What the admin API shows of the controller's answers, and of the metadata.
//
// Thread   pure functions
#pragma once

#include <vector>

#include "broker/controller/controller_messages.h"
#include "broker/http/admin_backend.h"
#include "replication/metadata/image.h"

namespace strandline {

// broker   whom the controller was asked about
StopView stop_view(BrokerId broker, const ControllerOutcome& outcome);
DrainView drain_view(BrokerId broker, const ControllerOutcome& outcome);

// By topic and partition.
std::vector<ReassignmentView> reassignment_views(const MetadataImage& image);

}  // namespace strandline
