#include "tests/sim/storage/log_world.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "protocol/base/errc.h"
#include "storage/producer/snapshot.h"

namespace strandline::sim {
namespace {

constexpr std::string_view kDirectory = "orders-0";

const PartitionKey kKey = [] {
  PartitionKey key;
  key.topic_id.bytes[0] = std::byte{7};
  return key;
}();

constexpr std::array<std::pair<std::string_view, Plant>, 6> kPlants{{
    {"none", Plant::none},
    {"ack-before-sync", Plant::ack_before_sync},
    {"sync-lies", Plant::sync_lies},
    {"directory-sync-lies", Plant::directory_sync_lies},
    {"forget-producers", Plant::forget_producers},
    {"sync-again-after-failure", Plant::sync_again_after_failure},
}};

std::string text(Offset offset) { return std::to_string(offset.value()); }

LogConfig random_config(Prng& prng) {
  LogConfig config;
  config.segment_bytes = std::int64_t{4096} << prng.below(5);
  config.index_interval_bytes = std::int64_t{128} << prng.below(6);
  config.segment_ms = prng.chance(1, 3) ? 20'000 : 3'600'000;
  if (prng.chance(1, 3)) config.retention_bytes = config.segment_bytes * 3;
  config.retention_ms = prng.chance(1, 3) ? 60'000 : -1;
  return config;
}

}  // namespace

std::optional<Plant> plant_from_name(std::string_view name) {
  for (const auto& [known, plant] : kPlants) {
    if (known == name) return plant;
  }
  return std::nullopt;
}

std::string plant_names() {
  std::string names;
  for (const auto& [name, plant] : kPlants) {
    names += (names.empty() ? "" : ", ") + std::string{name};
  }
  return names;
}

void WorldStats::add(const WorldStats& other) {
  steps += other.steps;
  appends += other.appends;
  duplicates += other.duplicates;
  syncs += other.syncs;
  rolls += other.rolls;
  crashes += other.crashes;
  crashes_in_recovery += other.crashes_in_recovery;
  cuts += other.cuts;
  reads += other.reads;
  truncations += other.truncations;
  dropped_segments += other.dropped_segments;
}

LogWorld::LogWorld(std::uint64_t seed, const Options& options)
    : disk_(seed), prng_(seed ^ 0x5eed), options_(options), config_(random_config(prng_)) {
  for (int i = 0; i < options.producers; ++i) {
    Producer producer;
    producer.id = ProducerId{1000 + i};
    // Some begin just below the wrap-around of the sequence.
    if (prng_.chance(1, 4)) producer.next_sequence = Sequence{2147483647 - 20};
    producers_.push_back(std::move(producer));
  }
  if (options.plant == Plant::sync_lies) disk_.lie_about(DiskCall::sync);
  if (options.plant == Plant::directory_sync_lies) disk_.lie_about(DiskCall::sync_directory);
  // The broker makes the directory durable before the topic's creation is acknowledged.
  must(disk_.create_directories(kDirectory), "create the directory");
  must(disk_.sync_directory(""), "sync the root");
}

LogWorld::~LogWorld() = default;

void LogWorld::note(const std::string& what) {
  if (options_.trace) std::fprintf(stderr, "  %s\n", what.c_str());
}

void LogWorld::must(const Result<void>& result, const char* what) {
  if (result.has_error()) throw Violation{std::string{what} + ": " + result.error().message()};
}

// --- starting and ending

void LogWorld::open() {
  recovering_ = true;
  damage_.clear();
  CheckpointReport report;
  auto opened = Checkpoint::open(disk_, {.journal_bytes_min = 600}, report);
  if (opened.has_error()) throw Violation{"checkpoint: " + opened.error().message()};
  checkpoint_ = std::move(opened).value();
  for (const auto& complaint : report.complaints) note(complaint);
  RecoveryPoint point;
  if (const auto known = checkpoint_->find(kKey)) {
    point = {true, !checkpoint_->may_be_behind(), *known};
  }
  note("open: checkpoint " + (point.known ? text(point.state.flushed_end) : "none"));
  auto log = PartitionLog::open(disk_, std::string{kDirectory}, config_, point, now_, *this);
  if (log.has_error()) {
    std::string why = "the log does not open: " + log.error().message();
    for (const auto& damage : damage_) why += "; " + damage;
    throw Violation{why};
  }
  log_ = std::move(log).value();
  recovering_ = false;
  check_recovered();
  retry_unacknowledged();
}

void LogWorld::check_recovered() {
  const Offset start = log_->log_start_offset();
  const Offset end = log_->log_end_offset();
  note("recovered " + text(start) + " to " + text(end) + ", promised " + text(model_.promised()));
  if (log_->flushed_end() != end) throw Violation{"a recovered log is not flushed"};
  if (start < durable_log_start_) {
    throw Violation{"the log start went back from " + text(durable_log_start_) + " to " +
                    text(start)};
  }
  if (start > highest_log_start_) throw Violation{"the log starts at " + text(start)};
  if (lossless_ && end < model_.end()) {
    throw Violation{"the end of the process alone lost records: " + text(end) + " of " +
                    text(model_.end())};
  }
  if (log_->high_watermark() > end || log_->high_watermark() < start) {
    throw Violation{"the high watermark lies outside the log"};
  }
  model_.recover(read_range(start, end), start, end);
  log_->set_high_watermark(end);
  for (const Offset boundary : model_.boundaries(start)) {
    const ModelBatch* batch = model_.find(boundary);
    if (batch == nullptr) continue;
    const auto found = log_->epoch_end_offset(batch->header.leader_epoch);
    if (found.epoch != batch->header.leader_epoch || found.end_offset <= boundary) {
      throw Violation{"the epoch of offset " + text(boundary) + " is not known any more"};
    }
  }
  check_producers();
  lossless_ = true;
  truncated_since_sync_ = false;
  highest_log_start_ = std::max(highest_log_start_, start);
}

// What is known of each producer must follow from the batches; older batches may be forgotten. What
// was forgotten stays so when no checkpoint could be written and a start brings the records back:
// their producers are beyond them.
void LogWorld::check_producers() {
  const auto expected = model_.replay_producers().describe();
  const auto found = log_->producers();
  note_log_start();
  const Offset start = forgettable_below_;
  for (const ProducerEntry& want : expected) {
    const auto at = std::find_if(found.begin(), found.end(), [&](const ProducerEntry& entry) {
      return entry.producer_id == want.producer_id;
    });
    if (at == found.end()) {
      if (want.batches.back().base_offset < start) continue;
      throw Violation{"producer " + std::to_string(want.producer_id.value()) + " is forgotten"};
    }
    if (at->epoch != want.epoch || at->batches.size() > want.batches.size()) {
      throw Violation{"a producer's state is not that of the log"};
    }
    const std::size_t missing = want.batches.size() - at->batches.size();
    for (std::size_t i = 0; i < want.batches.size(); ++i) {
      const ProducerBatch& batch = want.batches[i];
      if (i < missing) {
        if (batch.base_offset < start) continue;
        throw Violation{"a batch of a producer at " + text(batch.base_offset) + " is forgotten"};
      }
      const ProducerBatch& kept = at->batches[i - missing];
      if (kept.base_offset != batch.base_offset || kept.last_offset != batch.last_offset ||
          kept.first_sequence != batch.first_sequence ||
          kept.last_sequence != batch.last_sequence) {
        throw Violation{"a producer's batch at " + text(batch.base_offset) + " is remembered as " +
                        text(kept.base_offset)};
      }
    }
  }
  for (const ProducerEntry& entry : found) {
    if (!entry.batches.empty() && entry.batches.back().last_offset >= log_->log_end_offset()) {
      throw Violation{"a producer is remembered beyond the end of the log"};
    }
  }
}

void LogWorld::crash(const CrashModel& model) {
  ++stats_.crashes;
  if (recovering_) ++stats_.crashes_in_recovery;
  log_.reset();
  checkpoint_.reset();
  sync_job_.reset();
  staged_.clear();
  disk_.crash(model);
  disk_.clear_faults();
  if (model.bytes != CrashModel::Bytes::all) lossless_ = false;
  note("crash, bytes " + std::to_string(static_cast<int>(model.bytes)) + ", names " +
       std::to_string(static_cast<int>(model.names)) + " are kept (0 none, 1 some, 2 all)");
}

void LogWorld::clean_restart() {
  note("clean restart");
  if (!sync_job_.has_value()) begin_sync();
  finish_sync();
  if (log_->is_offline()) return;
  write_indexes();
  checkpoint();
  log_.reset();
  checkpoint_.reset();
  disk_.clear_faults();  // a disk that fails at a start is another story: the daemon exits
  open();
}

// --- syncing

void LogWorld::begin_sync() {
  if (sync_job_.has_value()) return;
  sync_job_ = log_->begin_sync();
  if (sync_job_.has_value()) {
    note("sync to " + text(sync_job_->end) + ", " + std::to_string(sync_job_->files.size()) +
         " files");
  }
}

void LogWorld::finish_sync() {
  if (!sync_job_.has_value()) return;
  const bool covers_truncation = truncated_since_sync_;
  auto outcome = run(*sync_job_);
  if (outcome.has_error() && options_.plant == Plant::sync_again_after_failure) {
    outcome = run(*sync_job_);
  }
  log_->finish_sync(*sync_job_, outcome);
  sync_job_.reset();
  ++stats_.syncs;
  if (outcome.has_error()) {
    note("sync failed");
    lossless_ = false;
    if (!log_->is_offline()) throw Violation{"a failed sync left the log online"};
    return;
  }
  if (covers_truncation) {
    truncated_since_sync_ = false;
  }
  acknowledge(log_->flushed_end());
}

void LogWorld::acknowledge(Offset end) {
  model_.promise(end);
  if (log_->high_watermark() < end) log_->set_high_watermark(end);
  for (Producer& producer : producers_) {
    while (!producer.unacknowledged.empty()) {
      Sent& sent = producer.unacknowledged.front();
      if (sent.next_offset == kNoOffset || sent.next_offset > end) break;
      producer.acknowledged.push_back(std::move(sent));
      producer.unacknowledged.pop_front();
      if (producer.acknowledged.size() > 3) producer.acknowledged.pop_front();
    }
  }
}

void LogWorld::checkpoint() {
  const PartitionCheckpoint state = log_->checkpoint();
  note("checkpoint " + text(state.flushed_end));
  checkpoint_->put(kKey, state);
  const auto written = checkpoint_->write();
  if (written.has_error()) {
    note("checkpoint failed");
    return;
  }
  durable_log_start_ = std::max(durable_log_start_, state.log_start);
}

void LogWorld::producer_snapshot() {
  const ProducerSnapshot snapshot = log_->producer_snapshot();
  const auto written =
      write_producer_snapshot(disk_, kDirectory, snapshot, Replacement::eventually);
  if (written.has_error()) return;
  log_->producer_snapshot_written(snapshot.next_offset);
}

void LogWorld::write_indexes() {
  const auto written = log_->write_indexes();
  if (written.has_error()) note("indexes failed: " + written.error().message());
}

void LogWorld::remove_dropped_files() {
  const auto dropped = log_->drop_given_up(durable_log_start_);
  if (dropped.has_error()) note("drop failed: " + dropped.error().message());
  for (const std::string& path : log_->take_dropped_files()) {
    const auto removed = disk_.remove(path);
    if (removed.has_error()) note("remove failed");
  }
}

// --- cutting

Offset LogWorld::random_boundary(Offset from, Offset to) {
  std::vector<Offset> all = model_.boundaries(from);
  std::erase_if(all, [&](Offset offset) { return offset > to; });
  return all.empty() ? from : all[prng_.below(all.size())];
}

void LogWorld::delete_records() {
  const Offset start = log_->log_start_offset();
  const Offset to = log_->high_watermark();
  const Offset offset =
      start + static_cast<std::int64_t>(prng_.below(static_cast<std::uint64_t>(to - start) + 1));
  note("delete records below " + text(offset));
  const std::size_t segments = log_->segment_count();
  highest_log_start_ = std::max(highest_log_start_, offset);
  log_->delete_records(offset);
  stats_.dropped_segments += segments - log_->segment_count();
  if (log_->log_start_offset() != offset) throw Violation{"delete records did not move the start"};
  note_log_start();
}

void LogWorld::note_log_start() {
  forgettable_below_ = std::max(forgettable_below_, log_->log_start_offset());
}

void LogWorld::apply_retention() {
  highest_log_start_ = std::max(highest_log_start_, log_->high_watermark());
  stats_.dropped_segments += log_->apply_retention(now_).segments;
  if (log_->log_start_offset() > log_->high_watermark()) {
    throw Violation{"retention dropped records above the high watermark"};
  }
  note_log_start();
}

void LogWorld::truncate() {
  if (sync_job_.has_value()) return;
  const Offset offset = random_boundary(log_->log_start_offset(), log_->log_end_offset());
  if (offset == log_->log_end_offset()) return;
  note("truncate to " + text(offset));
  PartitionCheckpoint state = log_->checkpoint();
  state.flushed_end = std::min(state.flushed_end, offset);
  state.high_watermark = std::min(state.high_watermark, offset);
  std::erase_if(state.epochs, [&](const EpochStart& e) { return e.start_offset >= offset; });
  checkpoint_->put(kKey, state);
  if (checkpoint_->write().has_error()) return;
  durable_log_start_ = std::max(durable_log_start_, state.log_start);
  // What was promised is given up by whoever orders a truncation, before it happens.
  model_.truncate(offset);
  truncated_since_sync_ = true;
  lossless_ = false;
  ++stats_.truncations;
  for (Producer& producer : producers_) {  // a new leader's producers start over
    producer.unacknowledged.clear();
    producer.acknowledged.clear();
    producer.next_sequence = Sequence{0};
    producer.epoch = producer.epoch + 1;
  }
  leader_epoch_ = leader_epoch_ + 1;
  const auto cut = log_->truncate_to(offset);
  if (cut.has_error()) return;
  if (log_->log_end_offset() != offset) throw Violation{"truncated to another offset"};
  check_producers();
}

// --- reading

std::vector<std::byte> LogWorld::bytes_of(const ReadResult& result) {
  std::vector<std::byte> bytes;
  for (const FileSlice& slice : result.slices) {
    const std::size_t at = bytes.size();
    bytes.resize(at + slice.length);
    const auto got = slice.file->read_at(slice.position, MutableByteView{bytes}.subspan(at));
    if (got.has_error()) throw Violation{"a slice does not read: " + got.error().message()};
    if (got.value() != slice.length) throw Violation{"a slice is shorter than said"};
  }
  return bytes;
}

std::vector<ModelBatch> LogWorld::read_range(Offset from, Offset end) {
  std::vector<ModelBatch> all;
  while (from < end) {
    const ReadPlan plan = log_->plan_read(from, end, 1 + prng_.below(20'000), true);
    auto result = execute(plan, prng_.chance(1, 2) ? ReadMode::nowait : ReadMode::blocking);
    if (result.has_error() && result.error() == Errc::would_block) {
      result = execute(plan, ReadMode::blocking);
    }
    if (result.has_error()) {
      throw Violation{"reading at " + text(from) + ": " + result.error().message()};
    }
    const auto batches = split_batches(bytes_of(result.value()));
    if (batches.empty()) throw Violation{"nothing to read at " + text(from)};
    if (all.empty() && batches.front().header.base_offset > from) {
      throw Violation{"reading at " + text(from) + " began behind it"};
    }
    for (const ModelBatch& batch : batches) all.push_back(batch);
    from = all.back().header.next_offset();
    if (result.value().next_offset != from) throw Violation{"a read says it ended elsewhere"};
  }
  return all;
}

void LogWorld::read() {
  ++stats_.reads;
  const Offset start = log_->log_start_offset();
  const Offset end = log_->high_watermark();
  if (start >= end) return;
  const auto span = static_cast<std::uint64_t>(end - start);
  const Offset from = start + static_cast<std::int64_t>(prng_.below(span));
  const ReadPlan plan = log_->plan_read(from, end, prng_.below(30'000), prng_.chance(1, 2));
  auto result = execute(plan, ReadMode::nowait);
  if (result.has_error() && result.error() == Errc::would_block) {
    result = execute(plan, ReadMode::blocking);
  }
  if (result.has_error()) throw Violation{"a read failed: " + result.error().message()};
  model_.check_read(from, bytes_of(result.value()));
}

void LogWorld::read_all() {
  const Offset start = log_->log_start_offset();
  const Offset end = log_->log_end_offset();
  for (const ModelBatch& batch : read_range(start, end)) {
    const Offset base = batch.header.base_offset;
    const ModelBatch* expected = model_.find(base);
    if (expected == nullptr || expected->bytes != batch.bytes) {
      throw Violation{"other bytes than were appended at " + text(base)};
    }
  }
}

void LogWorld::find_by_time() {
  const Timestamp wanted = now_ - static_cast<std::int64_t>(prng_.below(20'000));
  const Offset end = log_->high_watermark();
  const auto found = strandline::find_by_time(log_->plan_time_search(wanted, end));
  if (found.has_error()) throw Violation{"looking for a time: " + found.error().message()};
  // The model looks at whole batches: the record lies in the first one that is new enough.
  for (const Offset boundary : model_.boundaries(Offset{0})) {
    const ModelBatch* batch = model_.find(boundary);
    if (batch == nullptr || batch->header.next_offset() > end) break;
    if (batch->header.next_offset() <= log_->log_start_offset()) continue;
    if (batch->header.max_timestamp < wanted) continue;
    const Offset offset = found.value().offset;
    if (offset >= boundary && offset < batch->header.next_offset()) return;
    // The record may be one below the log start: then a later batch is right.
    const bool later = offset == kNoOffset || offset >= batch->header.next_offset();
    if (boundary < log_->log_start_offset() && later) return;
    throw Violation{"time look-up gave offset " + text(offset) + ", it is in the batch at " +
                    text(boundary)};
  }
  if (found.value().offset != kNoOffset) throw Violation{"time look-up found what is not there"};
}

void LogWorld::damaged(const Damage& damage) {
  damage_.push_back("damage in " + damage.file + " at position " + std::to_string(damage.position) +
                    ", offset " + text(damage.offset) + ": expected " + damage.expected +
                    ", found " + damage.found);
  note(damage_.back());
}

void LogWorld::cut(const std::string& file, std::uint64_t position, std::uint64_t bytes,
                   const std::string& saved_as) {
  ++stats_.cuts;
  note("cut " + file + " at " + std::to_string(position) + ", " + std::to_string(bytes) +
       " bytes kept in '" + saved_as + "'");
}

void LogWorld::rebuilt(const std::string& file, const std::string& why) {
  note("rebuilt " + file + ": " + why);
}

}  // namespace strandline::sim
