// Looks after directories of partitions that this broker has no replica of any more, once they are
// put aside (PartitionManager): tells of them, and removes them after `stray.keep.ms`.
//
//   directory of no replica here  ->  `<topic id>.<index>-stray`  ->  time over, and the records
//   are deleted or in sync elsewhere  ->  removed
//
// Thread   the first shard; looking and removing run on its disk threads
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config/settings.h"
#include "broker/partition/partition_directory.h"
#include "broker/partition/shard.h"
#include "protocol/base/result.h"
#include "replication/metadata/image.h"
#include "storage/io/disk.h"

namespace strandline {

inline constexpr std::string_view kStrayKeepMs = "stray.keep.ms";
// At this, nothing that may be a stray is removed, also when it becomes one while the broker runs.
// A recovery by force sets it for all brokers: topics whose records are here may be missing in what
// it recovered.
inline constexpr std::int64_t kStrayKeptForEver = kMaxMs;

// Whether nobody can need the records of a stray any more: the topic is deleted, or all replicas
// that the partition is to have are in sync under a leader.
//
// image    shows this start of the broker: what is older tells nothing of what is deleted
bool is_needed_no_more(const MetadataImage& image, const PartitionKey& key);

class StrayKeeper {
 public:
  // Both outlive it.
  StrayKeeper(Shard& first, Disk& disk);

  // On the shard: looks from now on, every few seconds.
  void start();

  // As of the last look. On the shard.
  const std::vector<StrayDirectory>& strays() const { return strays_; }

 private:
  void look();
  void judge(Result<std::vector<StrayDirectory>> found);
  void remove(const StrayDirectory& stray);
  void look_later();

  Shard& shard_;
  Disk& disk_;
  std::vector<StrayDirectory> strays_;
  std::set<std::string> named_;  // in the log, as kept although their time is over
};

}  // namespace strandline
