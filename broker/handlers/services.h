// What handlers need beside their shard.
//
// Thread   see each member
#pragma once

#include <functional>
#include <string>

#include "broker/handlers/config_view.h"
#include "broker/metadata/metadata_service.h"
#include "replication/metadata/producer_ids.h"
#include "storage/io/disk.h"

namespace strandline {

struct Services {
  MetadataService& metadata;     // submit(): any shard
  const ConfigView& configs;     // constant
  Disk& disk;                    // any
  std::string data_path;         // as DescribeLogDirs names it; constant
  ProducerIdPool& producer_ids;  // shard 0: inside a MetadataCommand's decide
};

}  // namespace strandline
