// Paths inside a disk's root.
//
// Thread   any
#pragma once

#include <string>
#include <string_view>

#include "protocol/base/result.h"

namespace strandline {

// The path without empty and "." parts and without a trailing '/'; "." for the root itself.
//
// Errors   EINVAL   the path starts at '/' or climbs with ".."
Result<std::string> path_inside_root(std::string_view path);

// The directory of a path that path_inside_root() gave; "." for names at the top.
std::string_view parent_path(std::string_view path);

}  // namespace strandline
