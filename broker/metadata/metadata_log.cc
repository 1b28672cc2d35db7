#include "broker/metadata/metadata_log.h"

#include <algorithm>
#include <utility>

#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"
#include "protocol/record/batch.h"
#include "replication/metadata/snapshot.h"
#include "storage/checkpoint/guarded_file.h"

namespace strandline {
namespace {

constexpr char kDirectory[] = "__cluster_metadata-0";
constexpr char kVoteName[] = "__cluster_metadata-0/vote";
constexpr FileKind kVoteKind{.magic = "SLVO", .version = 1};
constexpr std::uint64_t kReadBytes = std::uint64_t{1} << 20;

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

// Passes on what a recovery finds, and makes the vote uncertain before a tail is cut.
class CutGuard final : public DamageReporter {
 public:
  CutGuard(DamageReporter& reporter, std::function<Result<void>()> mark)
      : reporter_(reporter), mark_(std::move(mark)) {}

  void damaged(const Damage& damage) override { reporter_.damaged(damage); }
  Result<void> before_cut(const std::string& file) override {
    STRANDLINE_TRYV(mark_());
    return reporter_.before_cut(file);
  }
  void cut(const std::string& file, std::uint64_t position, std::uint64_t bytes,
           const std::string& saved_as) override {
    reporter_.cut(file, position, bytes, saved_as);
  }
  void rebuilt(const std::string& file, const std::string& why) override {
    reporter_.rebuilt(file, why);
  }

 private:
  DamageReporter& reporter_;
  std::function<Result<void>()> mark_;
};

}  // namespace

Result<std::unique_ptr<MetadataLog>> MetadataLog::open(Disk& disk, Checkpoint& checkpoint,
                                                       const MetadataIdentity& identity,
                                                       Timestamp now, DamageReporter& reporter,
                                                       const Options& options,
                                                       MetadataStart& start) {
  STRANDLINE_TRYV(disk.create_directories(kDirectory));
  STRANDLINE_TRYV(disk.sync_directory(""));
  std::unique_ptr<MetadataLog> opened{new MetadataLog{disk, checkpoint, options}};
  opened->cluster_id_ = identity.cluster_id;
  STRANDLINE_TRYV(opened->open_vote());
  STRANDLINE_TRY(MetadataSnapshotSearch search,
                 newest_metadata_snapshot(disk, kDirectory, identity.cluster_id));
  STRANDLINE_TRYV(opened->open_log(search, now, reporter));
  if (search.found) {
    opened->snapshot_is(search.found->end_offset, search.found->epoch, search.found->bytes);
  }
  STRANDLINE_TRY(QuorumLog log, opened->read_log(search, identity));
  // The place of a damaged one is taken at once: until then the next damage might cost records.
  for (const auto& [path, why] : search.unusable) {
    opened->snapshot_due_bytes_ = 0;
    reporter.rebuilt(path, why);
  }
  ++opened->vote_.starts;
  STRANDLINE_TRYV(opened->write_vote());
  start.quorum = {
      .vote = opened->vote_.vote, .log = std::move(log), .incarnation = opened->vote_.starts};
  if (search.found) start.snapshot = std::move(search.found->records);
  return opened;
}

// --- the vote

Result<void> MetadataLog::open_vote() {
  STRANDLINE_TRY(const bool exists, disk_.exists(kVoteName));
  if (!exists) return success();
  STRANDLINE_TRY(const auto payload, read_file(disk_, kVoteName, kVoteKind));
  STRANDLINE_TRY(vote_, decode_stored_vote(payload));
  return success();
}

Result<void> MetadataLog::write_vote() const {
  const std::string payload = encode_stored_vote(vote_);
  return replace_file(disk_, kVoteName, kVoteKind, as_bytes(payload));
}

Result<void> MetadataLog::persist_vote(const QuorumVote& vote) {
  vote_.vote = vote;
  return write_vote();
}

// --- the log

// What a snapshot covers was synced, whether a checkpoint says so or not: if it is not in the log
// any more, what came after it may be gone as well.
Result<void> MetadataLog::open_log(const MetadataSnapshotSearch& search, Timestamp now,
                                   DamageReporter& reporter) {
  RecoveryPoint point;
  if (const auto known = checkpoint_.find(checkpoint_key()))
    point = {.known = true, .state = *known};
  const bool is_installing =
      search.found && vote_.installing && *vote_.installing == search.found->end_offset;
  if (search.found && !is_installing) {
    const Offset end_offset = search.found->end_offset;
    if (!point.known) {
      point = {.known = true,
               .state = {.flushed_end = end_offset, .log_start = Offset{0}, .high_watermark = {}}};
    }
    point.state.flushed_end = std::max(point.state.flushed_end, end_offset);
  }
  guard_ = std::make_unique<CutGuard>(reporter, [this] {
    vote_.vote.uncertain = true;
    return write_vote();
  });
  STRANDLINE_TRY(
      log_, PartitionLog::open(disk_, kDirectory, metadata_log_config(options_.snapshot_bytes_min),
                               point, now, *guard_));
  if (is_installing) {
    STRANDLINE_TRYV(begin_anew(search.found->end_offset));
  }
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

// The batches behind the snapshot, which the quorum keeps in memory.
Result<QuorumLog> MetadataLog::read_log(const MetadataSnapshotSearch& search,
                                        const MetadataIdentity& identity) {
  VoterSet voters;
  if (!identity.joined) {
    voters = VoterSet{{Voter{identity.self, identity.rpc.value_or(HostPort{})}}};
  }
  LogEnd before;
  if (search.found) {
    before = {search.found->epoch, search.found->end_offset};
    for (const MetadataRecord& record : search.found->records) {
      if (const auto* named = std::get_if<VotersRecord>(&record)) voters = voters_of(*named);
    }
  }
  QuorumLog log{before, std::move(voters)};
  for (Offset next = before.offset; next < log_->log_end_offset();) {
    const ReadPlan plan = log_->plan_read(next, log_->log_end_offset(), kReadBytes, true);
    STRANDLINE_TRY(const ReadResult read, execute(plan, ReadMode::blocking));
    if (read.slices.empty()) return Errc::corrupt_file;
    for (const FileSlice& slice : read.slices) {
      std::vector<std::byte> bytes(slice.length);
      STRANDLINE_TRY(const std::size_t got, slice.file->read_at(slice.position, bytes));
      if (got != bytes.size()) return Errc::corrupt_file;
      for (ByteView rest{bytes}; !rest.empty();) {
        STRANDLINE_TRY(const BatchHeader header, parse_batch(rest));
        const ByteView one = rest.first(header.size_bytes());
        STRANDLINE_TRY(QuorumBatch batch, quorum_batch_of(std::make_shared<std::vector<std::byte>>(
                                              one.begin(), one.end())));
        if (batch.base_offset != next || batch.epoch < log.end().epoch) return Errc::corrupt_file;
        next = batch.next_offset;
        bytes_since_snapshot_ += one.size();
        log.append(std::move(batch));
        rest = rest.subspan(one.size());
      }
    }
  }
  return log;
}

void MetadataLog::snapshot_is(Offset end_offset, LeaderEpoch epoch, std::uint64_t bytes) {
  snapshot_end_ = LogEnd{epoch, end_offset};
  snapshot_due_bytes_ = std::max(options_.snapshot_bytes_min, bytes);
}

Result<void> MetadataLog::append(std::span<const QuorumBatch> batches, Timestamp now) {
  for (const QuorumBatch& batch : batches) {
    STRANDLINE_TRY(const BatchHeader header, parse_batch(*batch.bytes));
    // Each member rolls as its own disk has it: nobody compares these files.
    STRANDLINE_TRYV(
        log_->append_as_follower(*batch.bytes, header, now, log_->must_roll(header, now)));
    bytes_since_snapshot_ += batch.bytes->size();
  }
  return success();
}

void MetadataLog::put_checkpoint(Offset flushed_end) const {
  checkpoint_.put(checkpoint_key(), {.flushed_end = flushed_end,
                                     .log_start = log_->log_start_offset(),
                                     .high_watermark = flushed_end,
                                     .epochs = log_->epochs().starts()});
}

Result<void> MetadataLog::sync() {
  std::optional<SyncJob> job = log_->begin_sync();
  if (!job) return success();
  const Result<void> synced = run(*job);
  log_->finish_sync(*job, synced);
  // Digests would help where there is neither checkpoint nor snapshot; this log has both.
  (void)log_->take_seal_jobs();
  STRANDLINE_TRYV(Result<void>{synced});
  // Topics hang on every record here: from now on a restart must take a bad one for damage, and
  // never for the torn end of the log.
  put_checkpoint(job->end);
  const Result<void> noted = checkpoint_.write();
  if (!noted && !is_out_of_room(noted.error())) return noted.error();
  log_->set_high_watermark(log_->flushed_end());
  // Without them the next start only reads a little more.
  (void)log_->write_indexes();
  return success();
}

Result<void> MetadataLog::truncate(Offset end) {
  if (const auto known = checkpoint_.find(checkpoint_key()); known && known->flushed_end > end) {
    put_checkpoint(end);
    STRANDLINE_TRYV(checkpoint_.write());
  }
  return log_->truncate_to(end);
}

// Nothing that the checkpoint says of the old log may be held against the new one.
Result<void> MetadataLog::begin_anew(Offset start) {
  checkpoint_.remove(checkpoint_key());
  STRANDLINE_TRYV(checkpoint_.write());
  STRANDLINE_TRYV(log_->restart_at(start));
  vote_.installing.reset();
  return write_vote();
}

// --- snapshots

MetadataSnapshotJob MetadataLog::begin_snapshot(std::shared_ptr<const MetadataImage> image,
                                                Offset end_offset, LeaderEpoch epoch) const {
  STRANDLINE_ASSERT(end_offset <= log_->flushed_end());
  return {.image = std::move(image),
          .end_offset = end_offset,
          .epoch = epoch,
          .before = snapshot_end_ ? std::optional{snapshot_end_->offset} : std::nullopt,
          .log_bytes = bytes_since_snapshot_};
}

Result<void> MetadataLog::write_snapshot(Disk& disk, MetadataSnapshotJob& job) {
  STRANDLINE_TRY(job.snapshot_bytes,
                 write_metadata_snapshot(disk, kDirectory, *job.image, job.end_offset, job.epoch));
  return remove_metadata_snapshots(disk, kDirectory, job.end_offset, job.before);
}

Result<void> MetadataLog::finish_snapshot(const MetadataSnapshotJob& job,
                                          const Result<void>& result) {
  if (!result) {
    snapshot_due_bytes_ = bytes_since_snapshot_ + options_.snapshot_bytes_min;
    return success();
  }
  // A snapshot that was received meanwhile reaches further.
  if (snapshot_end_ && snapshot_end_->offset >= job.end_offset) return success();
  bytes_since_snapshot_ -= std::min(bytes_since_snapshot_, job.log_bytes);
  snapshot_is(job.end_offset, job.epoch, job.snapshot_bytes);
  if (job.before) {
    log_->delete_records(*job.before);
    // Whether the log begins too late is told by the snapshots, not by the checkpoint.
    STRANDLINE_TRYV(log_->drop_given_up(*job.before));
  }
  for (const std::string& file : log_->take_dropped_files()) {
    STRANDLINE_TRYV(disk_.remove(file));
  }
  return success();
}

Result<std::optional<MetadataLog::LoadedSnapshot>> MetadataLog::load_snapshot() const {
  if (!snapshot_end_) return std::optional<LoadedSnapshot>{};
  STRANDLINE_TRY(auto bytes, read_metadata_snapshot(disk_, kDirectory, snapshot_end_->offset));
  return std::optional{LoadedSnapshot{*snapshot_end_, std::move(bytes)}};
}

// The mark comes first: a crash on the way leaves a snapshot that ends beyond the log.
Result<std::vector<MetadataRecord>> MetadataLog::install_snapshot(ByteView bytes,
                                                                  const LogEnd& end) {
  STRANDLINE_TRY(const MetadataSnapshot snapshot, decode_snapshot(bytes));
  if (snapshot.end_offset != end.offset || snapshot.epoch != end.epoch) return Errc::corrupt_file;
  vote_.installing = end.offset;
  STRANDLINE_TRYV(write_vote());
  STRANDLINE_TRY(auto found, keep_metadata_snapshot(disk_, kDirectory, cluster_id_, bytes));
  STRANDLINE_TRYV(begin_anew(end.offset));
  STRANDLINE_TRYV(remove_metadata_snapshots(disk_, kDirectory, end.offset, std::nullopt));
  snapshot_is(found.end_offset, found.epoch, found.bytes);
  bytes_since_snapshot_ = 0;
  return std::move(found.records);
}

}  // namespace strandline
