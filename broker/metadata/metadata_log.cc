#include "broker/metadata/metadata_log.h"

#include <vector>

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

// Kept for ever: the log is the metadata.
LogConfig metadata_log_config() {
  return {.segment_bytes = std::int64_t{64} << 20,
          .segment_ms = INT64_MAX / 2,
          .retention_bytes = -1,
          .retention_ms = -1,
          .delete_old = false};
}

}  // namespace

Result<std::unique_ptr<MetadataLog>> MetadataLog::open(Disk& disk, Checkpoint& checkpoint,
                                                       Timestamp now, DamageReporter& reporter,
                                                       const OnRecord& on_record) {
  STRANDLINE_TRYV(disk.create_directories(kDirectory));
  STRANDLINE_TRYV(disk.sync_directory(""));
  RecoveryPoint point;
  if (const auto known = checkpoint.find(checkpoint_key()))
    point = {.known = true, .state = *known};
  STRANDLINE_TRY(auto log,
                 PartitionLog::open(disk, kDirectory, metadata_log_config(), point, now, reporter));
  std::unique_ptr<MetadataLog> opened{new MetadataLog{std::move(log), checkpoint}};
  STRANDLINE_TRYV(opened->replay(on_record));
  return opened;
}

Result<void> MetadataLog::replay(const OnRecord& on_record) const {
  Decompressor decompressor;
  std::vector<std::byte> bytes;
  Offset next = log_->log_start_offset();
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
  return success();
}

std::optional<SyncJob> MetadataLog::begin_sync() { return log_->begin_sync(); }

Result<void> MetadataLog::run(const std::optional<SyncJob>& job) const {
  if (!job) return success();
  STRANDLINE_TRYV(strandline::run(*job));
  // Topics hang on every record here: from now on a restart must take a bad one for damage, and
  // never for the torn end of the log.
  checkpoint_.put(checkpoint_key(), {.flushed_end = job->end,
                                     .log_start = Offset{0},
                                     .high_watermark = job->end,
                                     .epochs = {{LeaderEpoch{0}, Offset{0}}}});
  return checkpoint_.write();
}

void MetadataLog::finish_sync(const std::optional<SyncJob>& job, const Result<void>& result) {
  if (!job) return;
  log_->finish_sync(*job, result);
  if (!result) return;
  log_->set_high_watermark(log_->flushed_end());
  // Without them the next start only reads a little more.
  (void)log_->write_indexes();
}

Result<void> MetadataLog::sync_now() {
  const std::optional<SyncJob> job = begin_sync();
  const Result<void> result = run(job);
  finish_sync(job, result);
  return result;
}

}  // namespace strandline
