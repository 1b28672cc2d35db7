#include "broker/metadata/metadata_node.h"

#include <algorithm>
#include <utility>

#include "broker/logging/log.h"
#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"
#include "replication/metadata/level.h"

namespace strandline {

MetadataNode::MetadataNode(ShardLoop& loop, WorkerPool& worker, Disk& disk,
                           std::unique_ptr<MetadataLog> log, MetadataStart start, Config config,
                           Hooks hooks)
    : loop_(loop),
      config_(std::move(config)),
      hooks_(std::move(hooks)),
      disk_(loop, worker, disk, std::move(log), disk_hooks()),
      state_(std::make_unique<MetadataState>(config_.cluster_id)) {
  for (const MetadataRecord& record : start.snapshot) {
    const Result<void> applied = state_->apply(record);
    STRANDLINE_ASSERT(applied.has_value());  // it was tried when the snapshot was read
  }
  applied_end_ = start.quorum.log.start();
  incarnation_ = start.quorum.incarnation;
  image_ = state_->publish();
  quorum_ =
      std::make_unique<Quorum>(steady_now(), config_.quorum, std::move(start.quorum), config_.seed);
}

MetadataNode::~MetadataNode() {
  if (timer_) loop_.cancel(*timer_);
}

MetadataDisk::Hooks MetadataNode::disk_hooks() {
  return {.on_vote_persisted =
              [this](const QuorumVote& vote) {
                quorum_->on_vote_persisted(steady_now(), vote);
                pump();
              },
          .on_synced =
              [this](Offset flushed_end) {
                quorum_->on_synced(steady_now(), flushed_end);
                pump();
                take_snapshot_if_due();
              },
          .on_snapshot_loaded =
              [this](std::optional<MetadataLog::LoadedSnapshot> loaded) {
                std::shared_ptr<const std::vector<std::byte>> bytes;
                LogEnd end;
                if (loaded) {
                  end = loaded->end;
                  bytes = std::make_shared<std::vector<std::byte>>(std::move(loaded->bytes));
                }
                quorum_->on_snapshot_loaded(steady_now(), end, std::move(bytes));
                pump();
              },
          .on_snapshot_written =
              [this](const LogEnd& end, bool written) {
                snapshot_under_way_ = false;
                // One that was received since reaches further.
                const bool is_newer = end.offset > quorum_->log().start();
                if (written && is_newer) quorum_->on_log_start(end.offset);
              },
          .on_snapshot_installed =
              [this](const LogEnd& end, const std::vector<MetadataRecord>& records) {
                install(end, records);
                pump();
              },
          .on_snapshot_unusable =
              [this](const LogEnd& end) {
                quorum_->on_snapshot_unusable(steady_now(), end);
                pump();
              },
          .on_failed = [this](const ErrorCode& error) { fail(error); }};
}

void MetadataNode::start() {
  show_if_idle();
  quorum_->on_timeout(steady_now());
  pump();
  take_snapshot_if_due();
}

void MetadataNode::receive(const QuorumMessage& message) {
  quorum_->on_message(steady_now(), message);
  pump();
}

void MetadataNode::peer_found(const ReplicaKey& peer) {
  if (!quorum_->leader()) hooks_.send(peer, FollowRequest{config_.quorum.self, incarnation_});
  quorum_->on_peer_found(steady_now());
  pump();
}

void MetadataNode::peer_lost(BrokerId node) {
  quorum_->on_peer_lost(steady_now(), node);
  pump();
}

Errc MetadataNode::transfer_leadership(const ReplicaKey& to) {
  const Errc done = quorum_->transfer_leadership(steady_now(), to);
  pump();
  return done;
}

// --- effects

void MetadataNode::pump() {
  if (pumping_ || failed_) return;
  pumping_ = true;
  for (std::vector<QuorumEffect> effects = quorum_->take_effects(); !effects.empty() && !failed_;
       effects = quorum_->take_effects()) {
    for (QuorumEffect& effect : effects) carry_out(effect);
  }
  pumping_ = false;
  arm_timer();
}

void MetadataNode::carry_out(QuorumEffect& effect) {
  struct Visitor {
    MetadataNode& node;
    void operator()(const Send& send) const { node.hooks_.send(send.to, send.message); }
    void operator()(const FindLeader& find) const { node.hooks_.find_leader(find.request); }
    void operator()(const AskLeader& ask) const { node.hooks_.ask_leader(ask.leader, ask.request); }
    void operator()(PersistVote& vote) const { node.disk_.submit(std::move(vote)); }
    void operator()(CutTail& cut) const { node.disk_.submit(cut); }
    void operator()(AppendLog& append) const { node.disk_.submit(std::move(append)); }
    void operator()(const Committed& committed) const { node.apply_committed(committed.end); }
    void operator()(const BecameLeader& leader) const { node.lead_first(leader.epoch); }
    void operator()(const LeaderReady&) const { node.gain_control(); }
    void operator()(const LeaderChanged&) const {
      if (!node.quorum_->leads()) node.lose_control();
      node.hooks_.leader_changed();
    }
    void operator()(LoadSnapshot& load) const { node.disk_.submit(load); }
    void operator()(const WriteSnapshotChunk& chunk) const {
      if (chunk.position == 0) node.receiving_.clear();
      STRANDLINE_ASSERT(node.receiving_.size() == chunk.position);
      node.receiving_.insert(node.receiving_.end(), chunk.bytes.begin(), chunk.bytes.end());
    }
    void operator()(const InstallSnapshot& install) const {
      node.disk_.submit(PutSnapshotInPlace{install.end, std::exchange(node.receiving_, {})});
    }
  };
  std::visit(Visitor{*this}, effect);
}

void MetadataNode::arm_timer() {
  if (timer_) loop_.cancel(*std::exchange(timer_, std::nullopt));
  const Duration wait = std::max(Duration{0}, quorum_->next_timeout() - steady_now());
  timer_ = loop_.after(wait, [this] {
    timer_.reset();
    quorum_->on_timeout(steady_now());
    pump();
  });
}

void MetadataNode::fail(const ErrorCode& error) {
  if (std::exchange(failed_, true)) return;
  hooks_.failed(error);
}

// --- leading

// The first batch of a term: by its commit the leader knows what earlier ones committed. A log's
// very first one names the version of what follows; a lone broker takes an older log to its own
// version, in a cluster the controller does when all brokers can read it.
void MetadataNode::lead_first(LeaderEpoch epoch) {
  const bool is_alone = quorum_->voters().size() == 1 && image_->brokers.size() <= 1;
  const std::int32_t level = config_.feature_level_max;
  std::vector<MetadataRecord> first;
  if (is_alone && image_->feature_level() < level) {
    first.emplace_back(FeatureLevelRecord{std::string{kMetadataVersionFeature}, level});
  }
  first.emplace_back(LeaderRecord{config_.quorum.self.node, epoch});
  QuorumBatch batch = make_quorum_batch(first, quorum_->log_end(), epoch, wall_now());
  const Errc appended = quorum_->append(steady_now(), std::move(batch));
  STRANDLINE_ASSERT(appended == Errc::ok);
}

void MetadataNode::gain_control() {
  controller_ = std::make_unique<Controller>(config_.controller, *image_, ++config_.seed);
  hooks_.gained_control();
}

void MetadataNode::lose_control() {
  if (controller_ == nullptr) return;
  controller_.reset();
  std::deque<Waiting> waiting = std::exchange(waiting_, {});
  for (const Waiting& one : waiting) one.decided(make_error_code(Errc::request_timed_out));
  hooks_.lost_control();
}

Errc MetadataNode::append(std::span<const MetadataRecord> records) {
  QuorumBatch batch = make_quorum_batch(records, quorum_->log_end(), quorum_->epoch(), wall_now());
  const Errc appended = quorum_->append(steady_now(), std::move(batch));
  if (appended != Errc::ok) return appended;
  for (const MetadataRecord& record : records) {
    // The controller decided on these records from this very state: they apply.
    const Result<void> applied = controller_->replay(record);
    STRANDLINE_ASSERT(applied.has_value());
  }
  return Errc::ok;
}

void MetadataNode::decide(const Decide& decide, Decided decided) {
  if (controller_ == nullptr) return decided(make_error_code(Errc::not_controller));
  controller_->set_disk_full(hooks_.disk_full());
  const std::vector<MetadataRecord> records = decide(*controller_);
  if (!records.empty()) {
    const Errc appended = append(records);
    if (appended != Errc::ok) return decided(make_error_code(appended));
  }
  // What was decided without records may rest on some that are not committed yet.
  waiting_.push_back({quorum_->log_end(), std::move(decided)});
  pump();
  answer_waiting(shown_end_);
}

void MetadataNode::change_voters(const VotersRecord& voters, Decided decided) {
  if (controller_ == nullptr) return decided(make_error_code(Errc::not_controller));
  const Errc allowed = quorum_->check_voters(steady_now(), voters_of(voters));
  if (allowed != Errc::ok) return decided(make_error_code(allowed));
  const std::vector<MetadataRecord> records{voters};
  const Errc appended = append(records);
  if (appended != Errc::ok) return decided(make_error_code(appended));
  waiting_.push_back({quorum_->log_end(), std::move(decided)});
  pump();
}

// --- what is committed

void MetadataNode::apply_committed(Offset end) {
  while (applied_end_ < end) {
    const QuorumBatch* batch = quorum_->log().find(applied_end_);
    STRANDLINE_ASSERT(batch != nullptr && batch->next_offset <= end);
    const auto records = records_of(*batch);
    Result<void> applied = records ? success() : Result<void>{records.error()};
    if (records) {
      for (const MetadataRecord& record : records.value()) {
        applied = state_->apply(record);
        if (!applied) break;
      }
    }
    if (!applied) {
      log_line(LogLevel::error, "metadata",
               "a record of the metadata log cannot be applied: this program is too old, or the "
               "log is damaged; the broker stops",
               {{"offset", batch->base_offset}, {"error", applied.error().message()}});
      return fail(applied.error());
    }
    applied_end_ = batch->next_offset;
  }
  publish();
}

void MetadataNode::publish() {
  image_ = state_->publish();
  hooks_.committed();
  show_if_idle();
}

void MetadataNode::install(const LogEnd& end, const std::vector<MetadataRecord>& records) {
  state_ = std::make_unique<MetadataState>(config_.cluster_id);
  VoterSet voters;
  for (const MetadataRecord& record : records) {
    const Result<void> applied = state_->apply(record);
    STRANDLINE_ASSERT(applied.has_value());  // it was tried before it was installed
    if (const auto* named = std::get_if<VotersRecord>(&record)) voters = voters_of(*named);
  }
  applied_end_ = end.offset;
  snapshot_under_way_ = false;
  quorum_->on_snapshot_installed(steady_now(), end, voters);
  log_line(LogLevel::info, "metadata", "took a metadata snapshot from the controller",
           {{"end_offset", end.offset}, {"records", records.size()}});
  publish();
}

void MetadataNode::show_if_idle() {
  if (showing_ || failed_) return;
  showing_ = true;
  hooks_.show(image_, [this, alive = std::weak_ptr{alive_}, end = applied_end_] {
    if (!alive.expired()) shown(end);
  });
}

void MetadataNode::shown(Offset end) {
  showing_ = false;
  shown_end_ = std::max(shown_end_, end);
  if (applied_end_ > shown_end_) show_if_idle();
  std::vector<Task> due;
  std::erase_if(when_shown_, [&](auto& waiting) {
    if (waiting.first > shown_end_) return false;
    due.push_back(std::move(waiting.second));
    return true;
  });
  for (Task& task : due) task();
  answer_waiting(shown_end_);
}

void MetadataNode::answer_waiting(Offset end) {
  while (!waiting_.empty() && waiting_.front().end <= end) {
    const Decided decided = std::move(waiting_.front().decided);
    waiting_.pop_front();
    decided({});
  }
}

void MetadataNode::when_shown(Offset end, Task task) {
  if (end <= shown_end_) return loop_.post(std::move(task));
  when_shown_.emplace_back(end, std::move(task));
}

void MetadataNode::take_snapshot_if_due() {
  const bool is_ready = applied_end_ <= quorum_->flushed() && applied_end_ > quorum_->log().start();
  if (snapshot_under_way_ || failed_ || !disk_.wants_snapshot() || !is_ready) return;
  snapshot_under_way_ = true;
  disk_.submit(WriteSnapshot{image_, {quorum_->log().epoch_before(applied_end_), applied_end_}});
}

}  // namespace strandline
