// What handlers need beside their shard.
//
// Thread   see each member
#pragma once

#include <functional>
#include <string>

#include "broker/controller/controller_messages.h"
#include "broker/handlers/config_view.h"
#include "broker/partition/shard.h"
#include "protocol/base/result.h"
#include "storage/io/disk.h"

namespace strandline {

struct Services {
  // Asks the active controller, wherever it is, for at most `time_max`; waits for one to be elected
  // meanwhile. `done` runs on `home`, and by then this broker serves what was decided. Any shard.
  std::function<void(Shard& home, ControllerRequest request, Duration time_max,
                     OnControllerOutcome done)>
      ask_controller;
  // A producer id that was never given before. Errors: as a ControllerOutcome. Any shard.
  std::function<void(Shard& home, std::function<void(Result<ProducerId>)> done)> next_producer_id;
  const ConfigView& configs;  // constant
  Disk& disk;                 // any
  std::string data_path;      // as DescribeLogDirs names it; constant
};

}  // namespace strandline
