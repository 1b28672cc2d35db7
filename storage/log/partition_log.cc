#include "storage/log/partition_log.h"

#include <algorithm>

#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"
#include "storage/producer/snapshot.h"

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

Result<void> PartitionLog::go_offline(const ErrorCode& error) {
  offline_ = true;
  return error;
}

// --- appending

Result<AppendInfo> PartitionLog::append_as_leader(MutableByteView batch, BatchHeader header,
                                                  LeaderEpoch epoch, Timestamp append_time) {
  if (epoch < epochs_.latest()) return Errc::fenced_leader_epoch;
  header.base_offset = log_end_;
  header.leader_epoch = epoch;
  assign_batch_offset(batch, header.base_offset, epoch);
  return append(batch, header, append_time);
}

Result<AppendInfo> PartitionLog::append_as_follower(ByteView batch, const BatchHeader& header,
                                                    Timestamp append_time) {
  if (header.base_offset < log_end_) return Errc::offset_out_of_range;
  if (header.leader_epoch < epochs_.latest()) return Errc::fenced_leader_epoch;
  return append(batch, header, append_time);
}

Result<AppendInfo> PartitionLog::append(ByteView batch, const BatchHeader& header,
                                        Timestamp append_time) {
  if (offline_) return Errc::log_offline;
  STRANDLINE_ASSERT(batch.size() == header.size_bytes());
  if (must_roll(batch.size(), header, append_time)) {
    STRANDLINE_TRYV(roll());
  }
  Segment& segment = active();
  const Result<void> written =
      segment.append(batch, header, append_time, config_.index_interval_bytes);
  if (!written) {
    // A part of the batch may be in the file. Cut off, the next append writes over it; when even
    // that fails nothing is known about the file any more.
    if (!segment.cut(segment.size(), log_end_)) offline_ = true;
    return written.error();
  }
  if (unsynced_.empty() || unsynced_.back().get() != &segment) {
    unsynced_.push_back(segments_.rbegin()->second);
  }
  unsynced_bytes_ += batch.size();
  bytes_since_snapshot_ += batch.size();
  epochs_.on_batch(header.leader_epoch, header.base_offset);
  producers_.update(header, append_time);
  log_end_ = header.next_offset();
  return AppendInfo{header.base_offset, header.last_offset()};
}

bool PartitionLog::must_roll(std::size_t bytes, const BatchHeader& header, Timestamp now) const {
  const Segment& segment = active();
  if (segment.size() == 0) return false;
  const std::uint64_t limit =
      std::min(static_cast<std::uint64_t>(config_.segment_bytes), kSegmentBytesLimit);
  if (segment.size() + bytes > limit) return true;
  if (segment.index_bytes() + OffsetEntry::kBytes >
      static_cast<std::size_t>(config_.segment_index_bytes)) {
    return true;
  }
  // Index rows hold the distance from the base offset in 31 bits.
  if (header.last_offset() - segment.base_offset() > INT32_MAX) return true;
  const Timestamp first = segment.times().first_append_time;
  return first != kNoTimestamp && now - first >= config_.segment_ms;
}

Result<void> PartitionLog::roll() {
  const Result<void> sealed = active().seal();
  if (!sealed) return go_offline(sealed.error());
  auto created = create_segment(log_end_);
  if (!created) return go_offline(created.error());
  segments_.emplace(log_end_, std::move(created).value());
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
  directory_unsynced_ = true;
  return std::make_shared<Segment>(disk_, directory_, base_offset, std::move(file), 0, reporter_);
}

// --- reading

ReadPlan PartitionLog::plan_read(Offset from, Offset end, std::uint64_t bytes_max,
                                 bool at_least_one) const {
  ReadPlan plan{.from = from,
                .end = std::min(end, log_end_),
                .bytes_max = bytes_max,
                .at_least_one = at_least_one};
  auto at = segments_.upper_bound(from);
  STRANDLINE_ASSERT(at != segments_.begin());
  --at;
  // An offset may lie in a gap behind the last batch of its segment: then the next one has it.
  const auto next = std::next(at);
  plan.segment = at->second;
  plan.file_end = plan.segment->size();
  plan.to_file_end = plan.end == (next == segments_.end() ? log_end_ : next->first) ||
                     (next != segments_.end() && plan.end > next->first);
  return plan;
}

TimePlan PartitionLog::plan_time_search(Timestamp time, Offset end) const {
  TimePlan plan{.segments = {}, .time = time};
  for (const auto& [base, segment] : segments_) {
    if (base >= end) break;
    const bool may_have = time == kNoTimestamp || segment->times().max_timestamp >= time;
    if (!may_have || segment->size() == 0) continue;
    plan.segments.push_back({.segment = segment,
                             .from = log_start_,
                             .end = std::min(end, log_end_),
                             .file_end = segment->size()});
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
  return job;
}

void PartitionLog::finish_sync(const SyncJob& job, const Result<void>& result) {
  STRANDLINE_ASSERT(syncing_);
  syncing_ = false;
  if (!result) {
    offline_ = true;
    return;
  }
  // A truncation meanwhile has lowered the end: what is gone needs no flush.
  flushed_end_ = std::max(flushed_end_, std::min(job.end, log_end_));
}

// --- dropping

Result<void> PartitionLog::drop_segment(Segments::iterator at) {
  for (const std::string_view suffix :
       {kLogSuffix, kOffsetIndexSuffix, kTimeIndexSuffix, kArrivalsSuffix, kDigestSuffix}) {
    const std::string path = at->second->path(suffix);
    STRANDLINE_TRY(const bool exists, disk_.exists(path));
    if (!exists) continue;
    STRANDLINE_TRYV(disk_.rename(path, path + std::string{kDeletedSuffix}));
    dropped_files_.push_back(path + std::string{kDeletedSuffix});
  }
  directory_unsynced_ = true;
  std::erase(unsynced_, at->second);
  segments_.erase(at);
  return success();
}

std::vector<std::string> PartitionLog::take_dropped_files() {
  return std::exchange(dropped_files_, {});
}

Result<void> PartitionLog::delete_records(Offset offset) {
  STRANDLINE_ASSERT(offset <= high_watermark_);
  if (offset <= log_start_) return success();
  log_start_ = offset;
  while (segments_.size() > 1 && std::next(segments_.begin())->first <= offset) {
    STRANDLINE_TRYV(drop_segment(segments_.begin()));
  }
  epochs_.cut_start(log_start_);
  return success();
}

bool PartitionLog::is_expired(const Segment& segment, Timestamp now) const {
  if (config_.retention_ms < 0) return false;
  const SegmentTimes times = segment.times();
  // The lesser of record and append time: no producer's clock keeps records alive; and a record
  // from the past is as old as it says.
  Timestamp newest = times.last_append_time;
  if (times.max_timestamp >= Timestamp{0}) newest = std::min(newest, times.max_timestamp);
  return newest != kNoTimestamp && now - newest > config_.retention_ms;
}

Result<PartitionLog::Retention> PartitionLog::apply_retention(Timestamp now) {
  Retention done;
  if (offline_) return done;
  producers_.expire(now, config_.producer_idle_ms_max);
  const bool old =
      active().size() > 0 && high_watermark_ == log_end_ &&
      (is_expired(active(), now) || now - active().times().first_append_time >= config_.segment_ms);
  if (old) {
    STRANDLINE_TRYV(roll());
  }
  if (!config_.delete_old) return done;
  std::uint64_t size = size_bytes();
  while (segments_.size() > 1) {
    const auto oldest = segments_.begin();
    const Offset next = std::next(oldest)->first;
    const std::uint64_t bytes = oldest->second->size();
    const bool too_much = config_.retention_bytes >= 0 &&
                          size - bytes >= static_cast<std::uint64_t>(config_.retention_bytes);
    if (next > high_watermark_ || !(is_expired(*oldest->second, now) || too_much)) break;
    log_start_ = std::max(log_start_, next);
    STRANDLINE_TRYV(drop_segment(oldest));
    size -= bytes;
    ++done.segments;
    done.bytes += bytes;
  }
  epochs_.cut_start(log_start_);
  return done;
}

Result<void> PartitionLog::truncate_to(Offset end) {
  if (end >= log_end_) return success();
  while (segments_.size() > 1 && segments_.rbegin()->first >= end) {
    STRANDLINE_TRYV(drop_segment(std::prev(segments_.end())));
  }
  Segment& segment = active();
  const ReadPlan plan{.segment = segments_.rbegin()->second,
                      .from = segment.base_offset(),
                      .end = end,
                      .file_end = segment.size(),
                      .bytes_max = UINT64_MAX / 2};
  STRANDLINE_TRY(const ReadResult kept, execute(plan, ReadMode::blocking));
  const Result<void> cut = segment.cut(kept.bytes, end);
  if (!cut) return go_offline(cut.error());
  log_end_ = std::max(end, segment.base_offset());
  flushed_end_ = std::min(flushed_end_, log_end_);
  high_watermark_ = std::min(high_watermark_, log_end_);
  epochs_.cut_end(log_end_);
  if (std::find(unsynced_.begin(), unsynced_.end(), segments_.rbegin()->second) ==
      unsynced_.end()) {
    unsynced_.push_back(segments_.rbegin()->second);
  }
  return replay_producers();
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

void PartitionLog::producer_snapshot_written(Offset next_offset) {
  snapshot_offset_ = next_offset;
  bytes_since_snapshot_ = 0;
}

Result<void> PartitionLog::write_indexes() {
  if (offline_) return Errc::log_offline;
  return active().write_indexes();
}

void PartitionLog::assert_invariants() const {
  STRANDLINE_ASSERT(!segments_.empty());
  STRANDLINE_ASSERT(segments_.begin()->first <= log_start_);
  STRANDLINE_ASSERT(log_start_ <= log_end_);
  STRANDLINE_ASSERT(flushed_end_ <= log_end_);
  STRANDLINE_ASSERT(high_watermark_ <= log_end_);
  STRANDLINE_ASSERT(active().base_offset() <= log_end_);
}

}  // namespace strandline
