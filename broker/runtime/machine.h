// What the process may use of the machine it runs on.
//
// Thread   any
#pragma once

#include <cstddef>
#include <cstdint>

namespace strandline {

// Bytes of memory, the page cache's included: what the machine has, or what a container may use.
std::int64_t machine_memory_bytes();

// The soft limit on descriptors, raised to the hard one: connections and files share it.
std::size_t raise_descriptors_max();

}  // namespace strandline
