// The batches of a real partition log, read for a comparison.
//
// Thread   the log's owner
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/base/ids.h"
#include "storage/io/sim_disk.h"
#include "storage/log/partition_log.h"

namespace strandline::cluster_sim {

// What tells one batch from all others: producers make no two of the same content.
struct BatchView {
  Offset base_offset;
  std::int32_t records = 0;
  LeaderEpoch leader_epoch;
  std::uint32_t crc = 0;
  ProducerId producer;
  Sequence sequence;

  Offset next_offset() const { return base_offset + records; }
  friend bool operator==(const BatchView&, const BatchView&) = default;
};

// The batches that lie in [from, end); none: they cannot be read.
std::optional<std::vector<BatchView>> batches_of(const PartitionLog& log, Offset from, Offset end);

// Whether a power loss at this moment would leave the batches in [from, end) on the disk; none:
// they cannot be read.
std::optional<bool> is_durable(const SimDisk& disk, const PartitionLog& log, Offset from,
                               Offset end);

// The same of a long piece: where the first batch lies that it would not leave; `end`: there is
// none. What cannot be read is not spoken of.
Offset first_not_durable(const SimDisk& disk, const PartitionLog& log, Offset from, Offset end);

}  // namespace strandline::cluster_sim
