#include "broker/metadata/metadata_disk.h"

#include <utility>

#include "broker/logging/log.h"
#include "protocol/base/errc.h"

namespace strandline {
namespace {

constexpr Duration kRoomWait = std::chrono::milliseconds{500};

bool is_unusable(const ErrorCode& error) {
  return error == Errc::corrupt_file || error == Errc::unsupported_format ||
         error == Errc::foreign_directory;
}

}  // namespace

// Some jobs on their way through the worker, and what came of them.
struct MetadataDisk::Round {
  using Told = std::function<void()>;

  Round(MetadataLog& given_log, Disk& given_disk, Hooks& given_hooks,
        std::vector<MetadataJob> given)
      : log(given_log), disk(given_disk), hooks(given_hooks), jobs(std::move(given)) {}

  // On the worker.
  void run() {
    while (done < jobs.size() && !error) {
      error = std::visit([this](auto& job) { return carry_out(job); }, jobs[done]);
      if (!error) ++done;
    }
    // What was appended before a failure is in the log, and others may wait for it.
    if (unsynced) sync();
    wants_snapshot = log.wants_snapshot();
  }

  void sync() {
    unsynced = false;
    const Result<void> synced = log.sync();
    if (!synced) {
      sync_failed = true;
      error = synced.error();
      return;
    }
    tell.emplace_back([this, end = log.log().flushed_end()] { hooks.on_synced(end); });
  }

  ErrorCode carry_out(const PersistVote& job) {
    const Result<void> written = log.persist_vote(job.vote);
    if (!written) return written.error();
    tell.emplace_back([this, &job] { hooks.on_vote_persisted(job.vote); });
    return {};
  }
  ErrorCode carry_out(const CutTail& job) const {
    const Result<void> cut = log.truncate(job.end);
    return cut ? ErrorCode{} : cut.error();
  }
  ErrorCode carry_out(AppendLog& job) {
    const Result<void> appended = log.append(job.batches, wall_now());
    unsynced = true;
    if (appended) return {};
    // Those that are in need not be tried again.
    std::erase_if(job.batches,
                  [&](const QuorumBatch& batch) { return batch.next_offset <= log.log_end(); });
    return appended.error();
  }
  ErrorCode carry_out(const LoadSnapshot&) {
    auto loaded = log.load_snapshot();
    auto bytes = std::make_shared<std::optional<MetadataLog::LoadedSnapshot>>();
    if (loaded) *bytes = std::move(loaded).value();
    tell.emplace_back([this, bytes] { hooks.on_snapshot_loaded(std::move(*bytes)); });
    return {};
  }
  ErrorCode carry_out(const WriteSnapshot& job) {
    if (unsynced) sync();
    if (error) return error;
    MetadataSnapshotJob write = log.begin_snapshot(job.image, job.end.offset, job.end.epoch);
    const Result<void> written = MetadataLog::write_snapshot(disk, write);
    const Result<void> cut = log.finish_snapshot(write, written);
    if (!written && !strandline::is_out_of_room(written.error())) {
      // It may have been the sync of the directory in which the log's own segments are named.
      return written.error();
    }
    if (!written || !cut) {
      log_line(LogLevel::warn, "metadata",
               "the metadata log could not be cut; it is tried again later",
               {{"error", written ? cut.error().message() : written.error().message()}});
      tell.emplace_back([this, &job] { hooks.on_snapshot_written(job.end, false); });
      return {};
    }
    log_line(LogLevel::info, "metadata", "metadata snapshot written",
             {{"end_offset", job.end.offset},
              {"bytes", write.snapshot_bytes},
              {"log_start", log.log().log_start_offset()}});
    tell.emplace_back([this, &job] { hooks.on_snapshot_written(job.end, true); });
    return {};
  }
  ErrorCode carry_out(const PutSnapshotInPlace& job) {
    auto installed = log.install_snapshot(job.bytes, job.end);
    if (!installed && is_unusable(installed.error())) {
      log_line(LogLevel::error, "metadata", "a metadata snapshot from the controller is not usable",
               {{"end_offset", job.end.offset}, {"error", installed.error().message()}});
      tell.emplace_back([this, &job] { hooks.on_snapshot_unusable(job.end); });
      return {};
    }
    if (!installed) return installed.error();
    unsynced = false;
    auto records = std::make_shared<std::vector<MetadataRecord>>(std::move(installed).value());
    tell.emplace_back(
        [this, &job, records] { hooks.on_snapshot_installed(job.end, std::move(*records)); });
    return {};
  }

  MetadataLog& log;
  Disk& disk;
  Hooks& hooks;
  std::vector<MetadataJob> jobs;
  std::size_t done = 0;
  bool unsynced = false;
  bool sync_failed = false;
  bool wants_snapshot = false;
  ErrorCode error;
  std::vector<Told> tell;  // in order, on the loop
};

MetadataDisk::MetadataDisk(ShardLoop& loop, WorkerPool& worker, Disk& disk,
                           std::unique_ptr<MetadataLog> log, Hooks hooks)
    : loop_(loop),
      worker_(worker),
      disk_(disk),
      log_(std::move(log)),
      hooks_(std::move(hooks)),
      wants_snapshot_(log_->wants_snapshot()) {}

MetadataDisk::~MetadataDisk() = default;

void MetadataDisk::submit(MetadataJob job) {
  waiting_.push_back(std::move(job));
  // Not from inside this call: what one turn of the quorum wants shares a sync.
  if (!running_ && !failed_) {
    running_ = true;
    loop_.at_end_of_turn(while_alive([this] { begin_round(); }));
  }
}

void MetadataDisk::begin_round() {
  auto round = std::make_unique<Round>(*log_, disk_, hooks_, std::exchange(waiting_, {}));
  worker_.submit([this, round = std::move(round)]() mutable {
    round->run();
    loop_.post(while_alive([this, round = std::move(round)] { finish_round(*round); }));
  });
}

void MetadataDisk::finish_round(Round& round) {
  wants_snapshot_ = round.wants_snapshot;
  const bool waits_for_room =
      round.error && !round.sync_failed && strandline::is_out_of_room(round.error);
  if (round.error && !waits_for_room) {
    failed_ = true;
    log_line(LogLevel::error, "metadata",
             "the metadata could not be written; the broker stops to recover from the disk",
             {{"error", round.error.message()}});
    return hooks_.on_failed(round.error);
  }
  running_ = waits_for_room;
  if (waits_for_room) {
    if (!std::exchange(out_of_room_, true)) {
      log_line(LogLevel::error, "metadata",
               "the disk is full: changes of the metadata wait until there is room",
               {{"error", round.error.message()}});
    }
    const auto first = std::make_move_iterator(round.jobs.begin());
    waiting_.insert(waiting_.begin(), first + static_cast<std::ptrdiff_t>(round.done),
                    std::make_move_iterator(round.jobs.end()));
    loop_.after(kRoomWait, while_alive([this] { begin_round(); }));
  } else if (std::exchange(out_of_room_, false)) {
    log_line(LogLevel::info, "metadata", "changes of the metadata go on: the disk has room");
  }
  for (const Round::Told& told : round.tell) told();
  if (!running_ && !waiting_.empty()) {
    running_ = true;
    begin_round();
  }
}

}  // namespace strandline
