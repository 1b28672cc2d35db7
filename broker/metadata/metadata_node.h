// This broker's part in the cluster's metadata: a member of the quorum, or an observer of it. Keeps
// the image of what is committed and shows it to the shards; where it leads, a controller decides
// and the quorum makes its decisions hold.
//
// A decision is answered when its records are committed and every shard here serves them.
//
// Thread   one loop that never waits for a disk
// Owns     the quorum core, the image, the controller, the metadata log
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "broker/metadata/metadata_disk.h"
#include "broker/runtime/shard_loop.h"
#include "protocol/base/result.h"
#include "replication/metadata/controller.h"
#include "replication/quorum/quorum.h"

namespace strandline {

class MetadataNode {
 public:
  struct Config {
    QuorumConfig quorum;
    ControllerConfig controller;
    Uuid cluster_id;
    std::uint64_t seed = 0;
    // That a lone broker takes its log to.
    std::int32_t feature_level_max = kMetadataVersion;
  };

  struct Hooks {
    std::function<void(const ReplicaKey& to, const QuorumMessage&)> send;
    // To every broker that may know a leader.
    std::function<void(const FollowRequest&)> find_leader;
    std::function<void(const Voter& leader, const FollowRequest&)> ask_leader;
    // Hands an image to every shard; `shown` is called on the loop when all serve it.
    std::function<void(std::shared_ptr<const MetadataImage>, std::function<void()> shown)> show;
    // Whether the disk is too full for changes that need room.
    std::function<bool()> disk_full;
    // This broker decides from now on; it does no longer; another leads, or nobody.
    std::function<void()> gained_control;
    std::function<void()> lost_control;
    std::function<void()> leader_changed;
    // More is committed: image() has changed.
    std::function<void()> committed;
    // The disk failed, or the log holds what this program cannot read: the broker has to leave.
    std::function<void(const ErrorCode&)> failed;
  };

  // Looks at the controller, and returns the records to append; none: nothing changes.
  using Decide = std::function<std::vector<MetadataRecord>(Controller&)>;
  // Errors   not_controller      nothing was decided: another broker leads
  //          request_timed_out   the leadership was lost meanwhile: it may come to be, or not
  using Decided = std::function<void(const ErrorCode&)>;

  MetadataNode(ShardLoop& loop, WorkerPool& worker, Disk& disk, std::unique_ptr<MetadataLog> log,
               MetadataStart start, Config config, Hooks hooks);
  ~MetadataNode();

  void start();

  void receive(const QuorumMessage& message);
  // There is a connection to that replica: it may know a leader that this one does not.
  void peer_found(const ReplicaKey& peer);
  // The connection to that broker broke, or could not be made.
  void peer_lost(BrokerId node);

  void decide(const Decide& decide, Decided decided);
  // Changes who votes, by at most one replica.
  //
  // Errors   as decide(); as Quorum::check_voters()
  void change_voters(const VotersRecord& voters, Decided decided);
  // As Quorum::transfer_leadership().
  Errc transfer_leadership(const ReplicaKey& to);

  // Runs `task` when every shard serves all records below `end`.
  void when_shown(Offset end, Task task);

  const Quorum& quorum() const { return *quorum_; }
  bool is_controller() const { return controller_ != nullptr; }
  // Needs    is_controller()
  const Controller& controller() const { return *controller_; }
  // Of all that is committed, as far as this broker knows.
  const std::shared_ptr<const MetadataImage>& image() const { return image_; }
  Offset committed_end() const { return applied_end_; }
  // Every shard serves the records below it.
  Offset shown_end() const { return shown_end_; }
  // Where the metadata ended when that decision was made, for those who have to see it.
  Offset log_end() const { return quorum_->log_end(); }
  bool is_out_of_room() const { return disk_.is_out_of_room(); }

 private:
  struct Waiting {
    Offset end;
    Decided decided;
  };

  MetadataDisk::Hooks disk_hooks();
  // Carries out what the quorum wants, until it wants nothing more.
  void pump();
  void carry_out(QuorumEffect& effect);
  void arm_timer();
  void lead_first(LeaderEpoch epoch);
  void gain_control();
  void lose_control();
  void apply_committed(Offset end);
  void publish();
  void show_if_idle();
  void shown(Offset end);
  void answer_waiting(Offset end);
  void take_snapshot_if_due();
  void install(const LogEnd& end, const std::vector<MetadataRecord>& records);
  void fail(const ErrorCode& error);
  Errc append(std::span<const MetadataRecord> records);

  ShardLoop& loop_;
  Config config_;
  Hooks hooks_;
  MetadataDisk disk_;
  std::unique_ptr<Quorum> quorum_;
  std::uint64_t incarnation_ = 0;
  std::unique_ptr<MetadataState> state_;  // of all that is committed
  std::shared_ptr<const MetadataImage> image_;
  Offset applied_end_{0};
  Offset shown_end_{0};
  bool showing_ = false;
  bool failed_ = false;
  bool pumping_ = false;
  bool snapshot_under_way_ = false;
  std::unique_ptr<Controller> controller_;  // of all that is appended; while it leads
  std::deque<Waiting> waiting_;             // in order of `end`
  std::vector<std::pair<Offset, Task>> when_shown_;
  std::vector<std::byte> receiving_;  // a snapshot, so far
  std::optional<TimerId> timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for who calls back late
};

}  // namespace strandline
