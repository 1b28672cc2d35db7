// What a broker has to say of its replicas as it starts.
//
// Thread   values
#pragma once

#include <vector>

#include "protocol/base/ids.h"
#include "protocol/proto/storage_records.h"

namespace strandline {

// What the opening of the logs found; the controller is told with the registration.
struct ReplicaFindings {
  struct Cut {
    PartitionKey place;
    LeaderEpoch last_epoch;
    Offset end;
    friend bool operator==(const Cut&, const Cut&) = default;
  };
  std::vector<Cut> cut;                // a torn tail was cut off
  std::vector<PartitionKey> damaged;   // did not open, or lack records that they once had
  std::vector<PartitionKey> unopened;  // the former
};

}  // namespace strandline
