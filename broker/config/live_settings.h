// Settings that may change while the broker runs, as of a metadata image.
//
// Thread   pure functions
#pragma once

#include <cstdint>
#include <string_view>

#include "broker/config/settings.h"
#include "replication/metadata/image.h"

namespace strandline {

// This broker's own value, that of all brokers, or what it was started with.
//
// Needs    the key of a number
std::int64_t live_number(const Settings& settings, const MetadataImage& image,
                         std::string_view key);

}  // namespace strandline
