// An administrator's act on a data directory that no broker uses: its broker is made the only voter
// on the cluster's metadata, as the others are gone for good. See replication/quorum and
// docs/operations.md, 'Losing the majority'.
//
// Thread   the main thread; waits for the disk
#pragma once

#include <string>

#include "broker/config/settings.h"

namespace strandline {

struct ForcedRecovery {
  bool done = false;  // else nothing was changed
  bool failed = false;
  std::string text;  // for the administrator: what is given up, or what went wrong
};

// accept_loss   false: only says what would be given up
ForcedRecovery recover_as_lone_voter(const Settings& settings, bool accept_loss);

}  // namespace strandline
