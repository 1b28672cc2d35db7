#include "broker/metadata/metadata_log.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"
#include "protocol/record/builder.h"
#include "protocol/record/compression.h"
#include "protocol/record/records.h"

namespace strandline {
namespace {

constexpr char kDirectory[] = "__cluster_metadata-0";
constexpr std::uint64_t kReadBytes = std::uint64_t{1} << 20;
constexpr std::size_t kBatchBytesMax = std::size_t{64} << 20;

// The log's entry in the checkpoint, under the id that Kafka gives its metadata topic.
PartitionKey checkpoint_key() {
  PartitionKey key;
  key.topic_id.bytes.back() = std::byte{1};
  return key;
}

// What is not in a snapshot is kept for ever: the log is the metadata.
LogConfig metadata_log_config(std::uint64_t segment_bytes) {
  return {.segment_bytes = static_cast<std::int64_t>(segment_bytes),
          .segment_ms = INT64_MAX / 2,
          .retention_bytes = -1,
          .retention_ms = -1,
          .delete_old = false};
}

PartitionCheckpoint checkpoint_of(Offset log_start, Offset flushed_end) {
  return {.flushed_end = flushed_end,
          .log_start = log_start,
          .high_watermark = flushed_end,
          .epochs = {{LeaderEpoch{0}, log_start}}};
}

}  // namespace

Result<std::unique_ptr<MetadataLog>> MetadataLog::open(Disk& disk, Checkpoint& checkpoint,
                                                       const Uuid& cluster_id, Timestamp now,
                                                       DamageReporter& reporter,
                                                       const OnRecord& on_record,
                                                       const Options& options) {
  STRANDLINE_TRYV(disk.create_directories(kDirectory));
  STRANDLINE_TRYV(disk.sync_directory(""));
  STRANDLINE_TRY(const MetadataSnapshotSearch search,
                 newest_metadata_snapshot(disk, kDirectory, cluster_id));
  std::unique_ptr<MetadataLog> opened{new MetadataLog{disk, checkpoint, options}};
  STRANDLINE_TRYV(opened->open_log(search, now, reporter));
  Offset from{0};
  if (search.found) {
    from = search.found->end_offset;
    opened->snapshot_is(from, search.found->bytes);
    for (const MetadataRecord& record : search.found->records) {
      STRANDLINE_TRYV(on_record(record));
    }
  }
  STRANDLINE_TRYV(opened->replay(from, on_record));
  // The place of a damaged one is taken at once: until then the next damage might cost records.
  for (const auto& [path, why] : search.unusable) {
    opened->snapshot_due_bytes_ = 0;
    reporter.rebuilt(path, why);
  }
  return opened;
}

// What a snapshot covers was synced, whether a checkpoint says so or not: if it is not in the log
// any more, what came after it may be gone as well.
Result<void> MetadataLog::open_log(const MetadataSnapshotSearch& search, Timestamp now,
                                   DamageReporter& reporter) {
  RecoveryPoint point;
  if (const auto known = checkpoint_.find(checkpoint_key()))
    point = {.known = true, .state = *known};
  if (search.found) {
    const Offset end_offset = search.found->end_offset;
    if (!point.known) point = {.known = true, .state = checkpoint_of(Offset{0}, end_offset)};
    point.state.flushed_end = std::max(point.state.flushed_end, end_offset);
  }
  STRANDLINE_TRY(
      log_, PartitionLog::open(disk_, kDirectory, metadata_log_config(options_.snapshot_bytes_min),
                               point, now, reporter));
  const Offset wanted = search.found ? search.found->end_offset : Offset{0};
  if (log_->log_start_offset() <= wanted) return success();
  Damage damage{
      .file = kDirectory,
      .offset = wanted,
      .expected = "a whole snapshot up to offset " +
                  std::to_string(log_->log_start_offset().value()) +
                  " or beyond, where the log begins",
      .found = search.found ? "one up to offset " + std::to_string(wanted.value()) : "none"};
  if (search.unusable.empty()) reporter.damaged(damage);
  for (const auto& [path, why] : search.unusable) {
    damage.file = path;
    damage.found = why;
    reporter.damaged(damage);
  }
  return Errc::corrupt_file;
}

void MetadataLog::snapshot_is(Offset end_offset, std::uint64_t bytes) {
  snapshot_end_ = end_offset;
  snapshot_due_bytes_ = std::max(options_.snapshot_bytes_min, bytes);
}

Result<void> MetadataLog::replay(Offset from, const OnRecord& on_record) {
  Decompressor decompressor;
  std::vector<std::byte> bytes;
  Offset next = std::max(from, log_->log_start_offset());
  while (next < log_->log_end_offset()) {
    const ReadPlan plan = log_->plan_read(next, log_->log_end_offset(), kReadBytes, true);
    STRANDLINE_TRY(const ReadResult read, execute(plan, ReadMode::blocking));
    if (read.slices.empty()) return Errc::corrupt_file;
    for (const FileSlice& slice : read.slices) {
      bytes.resize(slice.length);
      STRANDLINE_TRY(const std::size_t got, slice.file->read_at(slice.position, bytes));
      if (got != bytes.size()) return Errc::corrupt_file;
      for (ByteView rest{bytes}; !rest.empty();) {
        STRANDLINE_TRY(const BatchHeader header, parse_batch(rest));
        Result<void> applied = success();
        STRANDLINE_TRYV(for_each_record(rest.first(header.size_bytes()), decompressor,
                                        kBatchBytesMax, [&](const RecordView& record) {
                                          if (record.offset < next || !record.value) return true;
                                          const auto decoded =
                                              decode_metadata_record(*record.value);
                                          applied = decoded ? on_record(decoded.value())
                                                            : Result<void>{decoded.error()};
                                          return applied.has_value();
                                        }));
        STRANDLINE_TRYV(std::move(applied));
        next = header.next_offset();
        bytes_since_snapshot_ += header.size_bytes();
        rest = rest.subspan(header.size_bytes());
      }
    }
  }
  return success();
}

Result<void> MetadataLog::append(std::span<const MetadataRecord> records, Timestamp now) {
  if (records.empty()) return success();
  BatchBuilder builder;
  for (const MetadataRecord& record : records) {
    const std::string value = encode_metadata_record(record);
    builder.append({.value = as_bytes(value), .timestamp = now});
  }
  Compressor compressor;
  std::vector<std::byte> batch;
  builder.build({}, compressor, batch);
  STRANDLINE_TRY(const BatchHeader header, parse_batch(batch));
  STRANDLINE_TRYV(log_->append_as_leader(batch, header, LeaderEpoch{0}, now));
  bytes_since_snapshot_ += batch.size();
  return success();
}

std::optional<MetadataSync> MetadataLog::begin_sync() {
  auto job = log_->begin_sync();
  if (!job) return std::nullopt;
  return MetadataSync{std::move(*job), log_->log_start_offset()};
}

Result<void> MetadataLog::run(const std::optional<MetadataSync>& sync) const {
  if (!sync) return success();
  STRANDLINE_TRYV(strandline::run(sync->job));
  // Topics hang on every record here: from now on a restart must take a bad one for damage, and
  // never for the torn end of the log.
  checkpoint_.put(checkpoint_key(), checkpoint_of(sync->log_start, sync->job.end));
  return checkpoint_.write();
}

void MetadataLog::finish_sync(const std::optional<MetadataSync>& sync, const Result<void>& result) {
  if (!sync) return;
  log_->finish_sync(sync->job, result);
  // Digests would help where there is neither checkpoint nor snapshot; this log has both.
  (void)log_->take_seal_jobs();
  if (!result) return;
  log_->set_high_watermark(log_->flushed_end());
  // Without them the next start only reads a little more.
  (void)log_->write_indexes();
}

Result<void> MetadataLog::sync_now() {
  const std::optional<MetadataSync> sync = begin_sync();
  const Result<void> result = run(sync);
  finish_sync(sync, result);
  return result;
}

// --- snapshots

MetadataSnapshotJob MetadataLog::begin_snapshot(std::shared_ptr<const MetadataImage> image) const {
  STRANDLINE_ASSERT(log_->flushed_end() == log_->log_end_offset());
  return {.image = std::move(image),
          .end_offset = log_->log_end_offset(),
          .before = snapshot_end_,
          .log_bytes = bytes_since_snapshot_};
}

Result<void> MetadataLog::run(MetadataSnapshotJob& job) const {
  STRANDLINE_TRY(job.snapshot_bytes,
                 write_metadata_snapshot(disk_, kDirectory, *job.image, job.end_offset));
  return remove_metadata_snapshots(disk_, kDirectory, job.end_offset, job.before);
}

Result<std::vector<std::string>> MetadataLog::finish_snapshot(const MetadataSnapshotJob& job,
                                                              const Result<void>& result) {
  if (!result) {
    snapshot_due_bytes_ = bytes_since_snapshot_ + options_.snapshot_bytes_min;
    return std::vector<std::string>{};
  }
  bytes_since_snapshot_ -= job.log_bytes;
  snapshot_is(job.end_offset, job.snapshot_bytes);
  if (job.before) {
    STRANDLINE_TRYV(log_->delete_records(*job.before));
  }
  return log_->take_dropped_files();
}

}  // namespace strandline
