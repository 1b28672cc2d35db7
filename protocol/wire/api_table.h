// All APIs in one table, from which ApiVersions is answered and docs/protocol.md is written.
//
// Thread   constants
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "protocol/wire/api.h"
#include "protocol/wire/messages/api_versions.h"

namespace strandline::wire {

// In order of their keys.
std::span<const ApiInfo* const> served_apis();

// Null when the API is not served. Any number may be asked.
const ApiInfo* find_api(std::int16_t api_key);

// The announced APIs and no features.
ApiVersionsResponse make_api_versions_response();

// The table of docs/protocol.md: one row an API.
std::string api_table_markdown();

}  // namespace strandline::wire
