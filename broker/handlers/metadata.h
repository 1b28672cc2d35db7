// Metadata (3), all versions.
//
// A client that names a topic may thereby create it. The shell asks topics_to_create() first; when
// there are any it has the controller create them (Controller::auto_create_topics), and answers
// from the image that has them: older clients fail on topics that exist only a moment later.
//
// Thread   pure functions
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/handlers/common.h"
#include "protocol/wire/messages/metadata.h"

namespace strandline {

// Names asked for that do not exist and may be created: legal, not internal, and wished for by the
// client. Each once, in the order of the request.
std::vector<std::string> topics_to_create(const MetadataImage& image,
                                          const wire::MetadataRequest& request);

// One entry for each topic asked for; asked twice it is answered once.
wire::MetadataResponse answer_metadata(const MetadataImage& image, const ListenerView& listener,
                                       const wire::MetadataRequest& request, std::int16_t version);

}  // namespace strandline
