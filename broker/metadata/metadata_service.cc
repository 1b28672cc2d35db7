#include "broker/metadata/metadata_service.h"

#include <cerrno>
#include <utility>

#include "broker/logging/log.h"
#include "protocol/base/assertion.h"

namespace strandline {
namespace {

bool is_out_of_room(const ErrorCode& error) {
  return error == boost::system::errc::no_space_on_device ||
         error == boost::system::errc::file_too_large ||
         error == ErrorCode{EDQUOT, boost::system::system_category()};
}

}  // namespace

MetadataService::MetadataService(Shard& shard_zero, std::unique_ptr<Controller> controller,
                                 std::unique_ptr<MetadataLog> log, ApplyImage apply_image)
    : shard_(shard_zero),
      controller_(std::move(controller)),
      log_(std::move(log)),
      apply_image_(std::move(apply_image)) {
  take_snapshot_if_due(controller_->publish());
}

void MetadataService::submit(Shard& home, MetadataCommand command) {
  auto owned = std::make_unique<MetadataCommand>(std::move(command));
  shard_.loop().post([this, home = &home, owned = std::move(owned)]() mutable {
    queue_.push_back({home, std::move(owned), {}});
    if (!busy_) run_next();
  });
}

void MetadataService::run_next() {
  if (queue_.empty()) return;
  busy_ = true;
  Running& running = queue_.front();
  controller_->set_disk_full(shard_.refuses_changes());
  running.records = running.command->decide(*controller_);
  if (running.records.empty()) return finish({});
  persist();
}

void MetadataService::persist() {
  const Result<void> appended = log_->append(queue_.front().records, wall_now());
  if (!appended) return finish(appended.error());
  shard_.sync_pool().submit([this, job = log_->begin_sync()]() mutable {
    const Result<void> synced = log_->run(job);
    shard_.loop().post([this, job = std::move(job), synced] {
      log_->finish_sync(job, synced);
      committed(synced);
    });
  });
}

void MetadataService::committed(const Result<void>& synced) {
  if (!synced) {
    // Whether the records are on disk is not known, and asking again would get a lie.
    finish(synced.error());
    return shard_.fail_disk();
  }
  for (const MetadataRecord& record : queue_.front().records) {
    // The controller decided on these records from this very state: they apply.
    const Result<void> applied = controller_->replay(record);
    STRANDLINE_ASSERT(applied.has_value());
  }
  publish();
}

void MetadataService::publish() {
  const std::shared_ptr<const MetadataImage> image = controller_->publish();
  take_snapshot_if_due(image);
  shards_to_apply_ = shard_.peer_count();
  for (std::size_t i = 0; i < shard_.peer_count(); ++i) {
    Shard& peer = shard_.peer(i);
    peer.loop().post([this, &peer, image] {
      apply_image_(peer, image, [this] {
        shard_.loop().post([this] {
          if (--shards_to_apply_ == 0) finish({});
        });
      });
    });
  }
}

// Of an image whose records are all durable: nothing else is published.
void MetadataService::take_snapshot_if_due(std::shared_ptr<const MetadataImage> image) {
  if (snapshot_under_way_ || !log_->wants_snapshot()) return;
  snapshot_under_way_ = true;
  shard_.disk_pool().submit([this, job = log_->begin_snapshot(std::move(image))]() mutable {
    const Result<void> written = log_->run(job);
    shard_.loop().post([this, job = std::move(job), written] { snapshot_taken(job, written); });
  });
}

void MetadataService::snapshot_taken(const MetadataSnapshotJob& job, const Result<void>& written) {
  snapshot_under_way_ = false;
  const auto freed = log_->finish_snapshot(job, written);
  if (!written && !is_out_of_room(written.error())) {
    // It may have been the sync of the directory in which the log's own segments are named.
    log_line(LogLevel::error, "metadata",
             "the metadata snapshot could not be written; the broker stops",
             {{"error", written.error().message()}});
    return shard_.fail_disk();
  }
  if (!written || !freed) {
    log_line(LogLevel::warn, "metadata",
             "the metadata log could not be cut; it is tried again later",
             {{"error", written ? freed.error().message() : written.error().message()}});
    return;
  }
  log_line(LogLevel::info, "metadata", "metadata snapshot written",
           {{"end_offset", job.end_offset},
            {"bytes", job.snapshot_bytes},
            {"log_start", log_->log().log_start_offset()}});
  if (!freed.value().empty()) shard_.remove_files(freed.value());
}

void MetadataService::finish(const ErrorCode& error) {
  if (error) {
    // On a full disk any client can cause as many as it likes.
    log_limited(LogLevel::error, "metadata", "not-durable",
                "a change of the metadata was not made durable", {{"error", error.message()}});
  }
  Running done = std::move(queue_.front());
  queue_.pop_front();
  done.home->loop().post([command = std::move(done.command), error] { command->done(error); });
  busy_ = false;
  if (!queue_.empty()) {
    // Not from inside this call: a long queue of refusals must not pile up on the stack.
    shard_.loop().post([this] {
      if (!busy_) run_next();
    });
  }
}

}  // namespace strandline
