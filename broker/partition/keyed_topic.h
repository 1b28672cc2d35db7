// What an operator has to be told when a topic gets more partitions: clients choose the partition
// by the hash of the key, so that a key goes elsewhere from then on.
//
// Thread   the shard
#pragma once

#include <cstdint>

namespace strandline {

class Partition;

// Looks at the newest batch of the partition, on a disk thread, and logs the consequence if it has
// a record with a key.
void tell_if_keyed(Partition& partition, std::int64_t partitions_before,
                   std::int64_t partitions_now);

}  // namespace strandline
