// The shell around the controller: takes decisions one after the other, makes their records
// durable, replays them, shows every shard the new image, and only then answers. When the log has
// grown by enough, a disk thread writes a snapshot of the image while decisions go on.
//
// Thread   submit(): any shard. All else: shard 0, where the controller lives
// Owns     the controller and the metadata log
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "broker/metadata/metadata_log.h"
#include "broker/partition/shard.h"
#include "protocol/base/result.h"
#include "replication/metadata/controller.h"

namespace strandline {

// One decision on its way. Made, answered and destroyed on its home shard; `decide` runs on shard
// 0.
struct MetadataCommand {
  // Looks at the controller and returns the records to append; none: nothing changes.
  std::function<std::vector<MetadataRecord>(Controller&)> decide;
  // Called when the records are durable and every shard serves the new image, or with an error
  // when they could not be made durable.
  std::function<void(const ErrorCode&)> done;
};

class MetadataService {
 public:
  // Shows a shard a new image: opens and closes partitions there, then calls `applied` on that
  // shard's thread.
  using ApplyImage = std::function<void(Shard&, std::shared_ptr<const MetadataImage>,
                                        std::function<void()> applied)>;

  // controller   has replayed everything in `log`, which is synced
  MetadataService(Shard& shard_zero, std::unique_ptr<Controller> controller,
                  std::unique_ptr<MetadataLog> log, ApplyImage apply_image);

  void submit(Shard& home, MetadataCommand command);

  const MetadataLog& log() const { return *log_; }

 private:
  struct Running {
    Shard* home;
    std::unique_ptr<MetadataCommand> command;
    std::vector<MetadataRecord> records;
  };

  void run_next();
  void persist();
  void committed(const Result<void>& synced);
  void take_snapshot_if_due(std::shared_ptr<const MetadataImage> image);
  void snapshot_taken(const MetadataSnapshotJob& job, const Result<void>& written);
  void publish();
  void finish(const ErrorCode& error);

  Shard& shard_;
  std::unique_ptr<Controller> controller_;
  std::unique_ptr<MetadataLog> log_;
  ApplyImage apply_image_;
  std::deque<Running> queue_;
  std::size_t shards_to_apply_ = 0;
  bool busy_ = false;
  bool snapshot_under_way_ = false;
};

}  // namespace strandline
