#include "storage/log/partition_log.h"

#include <algorithm>

#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"
#include "protocol/base/hash.h"
#include "protocol/base/prng.h"
#include "storage/log/recovery.h"

namespace strandline {
namespace {

// Positions in the offset index have 32 bits.
constexpr std::uint64_t kSegmentBytesLimit = (std::uint64_t{1} << 31) - 1;
constexpr std::uint64_t kSnapshotEveryBytes = std::uint64_t{16} << 20;

}  // namespace

Result<void> run(const SyncJob& job) {
  for (const auto& file : job.files) {
    STRANDLINE_TRYV(file->sync());
  }
  if (job.sync_directory) {
    STRANDLINE_TRYV(job.disk->sync_directory(job.directory));
  }
  return success();
}

PartitionLog::PartitionLog(Disk& disk, std::string directory, const LogConfig& config,
                           DamageReporter& reporter)
    : disk_(disk),
      directory_(std::move(directory)),
      config_(config),
      reporter_(reporter),
      producers_(ProducerState::Limits{.producers_max = config.producers_max}) {}

PartitionLog::~PartitionLog() = default;

Offset PartitionLog::last_stable_offset() const {
  const std::optional<Offset> open = producers_.first_open_transaction();
  return open ? std::min(*open, high_watermark_) : high_watermark_;
}

Timestamp PartitionLog::highest_event_time() const {
  Timestamp highest = kNoTimestamp;
  for (const auto& [base, segment] : segments_) {
    highest = std::max(highest, segment->times().max_timestamp);
  }
  return highest;
}

std::uint64_t PartitionLog::size_bytes() const {
  std::uint64_t total = 0;
  for (const auto& [base, segment] : segments_) total += segment->size();
  return total;
}

void PartitionLog::set_high_watermark(Offset high_watermark) {
  STRANDLINE_ASSERT(high_watermark >= high_watermark_);
  STRANDLINE_ASSERT(high_watermark <= log_end_);
  high_watermark_ = high_watermark;
}

void PartitionLog::set_config(const LogConfig& config) { config_ = config; }

Result<void> PartitionLog::forget_cut(Disk& disk, const std::string& directory) {
  STRANDLINE_TRYV(disk.remove(directory + "/" + std::string{kTailCutFile}));
  return disk.sync_directory(directory);
}

Result<void> PartitionLog::go_offline(const ErrorCode& error) {
  offline_ = true;
  return error;
}

Result<std::unique_ptr<PartitionLog>> PartitionLog::open(Disk& disk, std::string directory,
                                                         const LogConfig& config,
                                                         const RecoveryPoint& point, Timestamp now,
                                                         DamageReporter& reporter) {
  std::unique_ptr<PartitionLog> log{new PartitionLog{disk, std::move(directory), config, reporter}};
  STRANDLINE_TRYV(LogRecovery{*log, point, now}.run());
  log->assert_invariants();
  return log;
}

// --- appending

Result<AppendInfo> PartitionLog::append_as_leader(MutableByteView batch, const BatchHeader& header,
                                                  LeaderEpoch epoch, Timestamp append_time) {
  STRANDLINE_TRY(const AppendInfo info, stage_as_leader(batch, header, epoch, append_time));
  STRANDLINE_TRYV(write_staged());
  return info;
}

Result<AppendInfo> PartitionLog::append_as_follower(ByteView batch, const BatchHeader& header,
                                                    Timestamp append_time, bool begins_segment) {
  STRANDLINE_TRY(const AppendInfo info,
                 stage_as_follower(batch, header, append_time, begins_segment));
  STRANDLINE_TRYV(write_staged());
  return info;
}

Result<AppendInfo> PartitionLog::stage_as_follower(ByteView batch, const BatchHeader& header,
                                                   Timestamp append_time, bool begins_segment) {
  const bool is_first = staged_.empty();
  const Offset end = is_first ? log_end_ : staged_.back().header.next_offset();
  const LeaderEpoch latest = is_first ? epochs_.latest() : staged_.back().header.leader_epoch;
  if (header.base_offset != end) return Errc::offset_out_of_range;
  if (header.leader_epoch < latest) return Errc::fenced_leader_epoch;
  return stage(batch, header, append_time, follower_must_roll(header, begins_segment));
}

Result<AppendInfo> PartitionLog::stage_as_leader(MutableByteView batch, BatchHeader header,
                                                 LeaderEpoch epoch, Timestamp append_time) {
  if (epoch < epochs_.latest()) return Errc::fenced_leader_epoch;
  header.base_offset = staged_.empty() ? log_end_ : staged_.back().header.next_offset();
  header.leader_epoch = epoch;
  assign_batch_offset(batch, header.base_offset, epoch);
  return stage(batch, header, append_time, must_roll(header, append_time));
}

Result<AppendInfo> PartitionLog::stage(ByteView batch, const BatchHeader& header,
                                       Timestamp append_time, bool rolls) {
  if (offline_) return Errc::log_offline;
  STRANDLINE_ASSERT(batch.size() == header.size_bytes());
  if (rolls) {
    STRANDLINE_ASSERT(staged_.empty());
    STRANDLINE_TRYV(roll());
  }
  staged_.push_back({batch, header, append_time});
  staged_bytes_ += batch.size();
  stage_producer(header, append_time);
  return AppendInfo{header.base_offset, header.last_offset()};
}

void PartitionLog::stage_producer(const BatchHeader& header, Timestamp append_time) {
  if (!header.has_producer()) return;
  const std::uint64_t dropped = producers_.dropped();
  producers_before_.push_back(producers_.before(header.producer_id));
  producers_.update(header, append_time);
  const bool is_plain = !header.is_control() && !header.is_transactional();
  if (!is_plain || producers_.dropped() != dropped) must_replay_ = true;
}

void PartitionLog::forget_staged() {
  staged_.clear();
  staged_bytes_ = 0;
  producers_before_.clear();
  must_replay_ = false;
}

Result<void> PartitionLog::take_producers_back() {
  if (must_replay_) return replay_producers();
  while (!producers_before_.empty()) {
    producers_.take_back(std::move(producers_before_.back()));
    producers_before_.pop_back();
  }
  return success();
}

Result<void> PartitionLog::write_staged() {
  if (staged_.empty()) return success();
  const Result<void> written = offline_ ? Result<void>{Errc::log_offline}
                                        : active().append(staged_, config_.index_interval_bytes);
  if (!written) {
    drop_staged();
    return written.error();
  }
  if (unsynced_.empty() || unsynced_.back() != segments_.rbegin()->second) {
    unsynced_.push_back(segments_.rbegin()->second);
  }
  unsynced_bytes_ += staged_bytes_;
  bytes_since_snapshot_ += staged_bytes_;
  for (const StagedBatch& batch : staged_) {
    epochs_.on_batch(batch.header.leader_epoch, batch.header.base_offset);
  }
  log_end_ = staged_.back().header.next_offset();
  forget_staged();
  return success();
}

// A part of them may be in the file. Cut off, the next write goes over it; when even that fails
// nothing is known about the file any more. Their producers are taken back to what the log says.
void PartitionLog::drop_staged() {
  if (!offline_ && (!active().cut_rest() || !take_producers_back())) offline_ = true;
  forget_staged();
}

std::int64_t PartitionLog::age_ms_max(const Segment& segment) const {
  const std::int64_t span = std::min(config_.segment_jitter_ms, config_.segment_ms);
  if (span <= 0) return config_.segment_ms;
  Prng prng{xxh3(as_bytes(directory_)) ^ static_cast<std::uint64_t>(segment.base_offset().value())};
  return config_.segment_ms -
         static_cast<std::int64_t>(prng.below(static_cast<std::uint64_t>(span)));
}

bool PartitionLog::must_roll(const BatchHeader& header, Timestamp now) const {
  const Segment& segment = active();
  const std::uint64_t size = segment.size() + staged_bytes_;
  if (size == 0) return false;
  const std::uint64_t limit =
      std::min(static_cast<std::uint64_t>(config_.segment_bytes), kSegmentBytesLimit);
  if (size + header.size_bytes() > limit) return true;
  // Each staged batch may add a row, and this one may.
  if (segment.index_bytes() + (staged_.size() + 1) * OffsetEntry::kBytes >
      static_cast<std::size_t>(config_.segment_index_bytes)) {
    return true;
  }
  if (exceeds_segment(header)) return true;
  const Timestamp first = segment.times().first_append_time;
  return first != kNoTimestamp && now - first >= age_ms_max(segment);
}

// Index rows hold the distance from the base offset in 31 bits, positions in 32.
bool PartitionLog::exceeds_segment(const BatchHeader& header) const {
  const Segment& segment = active();
  return segment.size() + staged_bytes_ + header.size_bytes() > kSegmentBytesLimit ||
         header.last_offset() - segment.base_offset() > INT32_MAX;
}

bool PartitionLog::follower_must_roll(const BatchHeader& header, bool begins_segment) const {
  return active().size() + staged_bytes_ > 0 && (begins_segment || exceeds_segment(header));
}

// When the disk is full nothing is harmed: the append fails, and the next one tries again.
Result<void> PartitionLog::roll() {
  STRANDLINE_TRYV(active().seal());
  // What preallocation took beyond the end is given back.
  if (config_.preallocate) {
    STRANDLINE_TRYV(active().file()->truncate(active().size()));
  }
  STRANDLINE_TRY(auto created, create_segment(log_end_));
  sealed_.push_back({.segment = segments_.rbegin()->second, .end_offset = log_end_});
  segments_.emplace(log_end_, std::move(created));
  return success();
}

Result<std::shared_ptr<Segment>> PartitionLog::create_segment(Offset base_offset) {
  const std::string path = directory_ + "/" + offset_file_stem(base_offset);
  STRANDLINE_TRY(auto file, disk_.open(path + std::string{kLogSuffix}, OpenMode::create_or_open));
  STRANDLINE_TRY(const std::uint64_t size, file->size());
  // What a crash left of an earlier attempt was never acknowledged.
  if (size > 0) {
    STRANDLINE_TRYV(file->truncate(0));
  }
  // Without the room each write finds its own; a full disk is told by the write that needs it.
  if (config_.preallocate) {
    (void)file->allocate(0, static_cast<std::uint64_t>(config_.segment_bytes));
  }
  directory_unsynced_ = true;
  return std::make_shared<Segment>(disk_, directory_, base_offset, std::move(file), 0, reporter_);
}

void PartitionLog::on_new_leader_epoch(LeaderEpoch epoch) { epochs_.on_batch(epoch, log_end_); }

// --- reading

ReadPlan PartitionLog::plan_read(Offset from, Offset end, std::uint64_t bytes_max,
                                 bool at_least_one) const {
  auto at = segments_.upper_bound(from);
  STRANDLINE_ASSERT(at != segments_.begin());
  --at;
  const auto next = std::next(at);
  return {.segment = at->second,
          .from = from,
          .end = std::min(end, log_end_),
          .file_end = at->second->size(),
          .file_end_offset = next == segments_.end() ? log_end_ : next->first,
          .bytes_max = bytes_max,
          .at_least_one = at_least_one,
          .epochs = epochs_.shared_starts()};
}

TimePlan PartitionLog::plan_time_search(Timestamp time, Offset end) const {
  TimePlan plan{.segments = {}, .time = time};
  for (auto at = segments_.begin(); at != segments_.end() && at->first < end; ++at) {
    const auto next = std::next(at);
    const std::shared_ptr<Segment>& segment = at->second;
    const Offset file_end_offset = next == segments_.end() ? log_end_ : next->first;
    const bool may_have = time == kNoTimestamp || segment->times().max_timestamp >= time;
    if (!may_have || segment->size() == 0 || file_end_offset <= log_start_) continue;
    plan.segments.push_back({.segment = segment,
                             .from = log_start_,
                             .end = std::min(end, log_end_),
                             .file_end = segment->size(),
                             .file_end_offset = file_end_offset,
                             .epochs = epochs_.shared_starts()});
  }
  return plan;
}

// --- syncing

std::optional<SyncJob> PartitionLog::begin_sync() {
  if (offline_ || syncing_ || (unsynced_.empty() && !directory_unsynced_)) return std::nullopt;
  SyncJob job{.sync_directory = directory_unsynced_,
              .end = log_end_,
              .bytes = unsynced_bytes_,
              .disk = &disk_,
              .directory = directory_};
  for (const auto& segment : unsynced_) job.files.push_back(segment->file());
  unsynced_.clear();
  unsynced_bytes_ = 0;
  directory_unsynced_ = false;
  syncing_ = true;
  sync_covers_ = job.end;
  return job;
}

void PartitionLog::finish_sync(const SyncJob& job, const Result<void>& result) {
  STRANDLINE_ASSERT(syncing_);
  syncing_ = false;
  if (!result) {
    offline_ = true;
    return;
  }
  // A truncation meanwhile has lowered the end; what was appended since then is not covered.
  flushed_end_ = std::max(flushed_end_, std::min(job.end, sync_covers_));
}

// --- what recovery will need

PartitionCheckpoint PartitionLog::checkpoint() const {
  return {.flushed_end = flushed_end_,
          .log_start = log_start_,
          .high_watermark = high_watermark_,
          .producer_state_offset = snapshot_offset_,
          .epochs = epochs_.starts()};
}

bool PartitionLog::wants_producer_snapshot() const {
  return bytes_since_snapshot_ >= kSnapshotEveryBytes;
}

ProducerSnapshot PartitionLog::producer_snapshot() const {
  STRANDLINE_ASSERT(staged_.empty());
  return producers_.snapshot(log_end_);
}

void PartitionLog::producer_snapshot_written(Offset next_offset) {
  snapshot_offset_ = next_offset;
  bytes_since_snapshot_ = 0;
}

Result<void> PartitionLog::write_indexes() {
  if (offline_) return Errc::log_offline;
  return active().write_indexes();
}

std::vector<SealJob> PartitionLog::take_seal_jobs() { return std::exchange(sealed_, {}); }

void PartitionLog::assert_invariants() const {
  STRANDLINE_ASSERT(!segments_.empty());
  STRANDLINE_ASSERT(segments_.begin()->first <= log_start_);
  STRANDLINE_ASSERT(log_start_ <= log_end_);
  STRANDLINE_ASSERT(flushed_end_ <= log_end_);
  STRANDLINE_ASSERT(high_watermark_ <= log_end_);
  STRANDLINE_ASSERT(active().base_offset() <= log_end_);
}

}  // namespace strandline
