// A partition's replica while it follows: feeds the PartitionFollower core, and does what it asks
// for.
//
// Thread   the shard
// Owns     the core, and its timer; is owned by the partition for as long as the term lasts
#pragma once

#include <optional>
#include <vector>

#include "broker/partition/replica_services.h"
#include "broker/partition/replication_throttle.h"
#include "broker/runtime/shard_loop.h"
#include "protocol/base/bytes.h"
#include "replication/metadata/topic_config.h"
#include "replication/partition/partition_follower.h"

namespace strandline {

class Partition;

class FollowerRole {
 public:
  // partition     outlives the role
  // last_stream   as PartitionFollower wants it
  // Needs         no epoch of the log above the view's
  FollowerRole(Partition& partition, const PartitionView& view, StreamId last_stream,
               bool needs_catch_up);
  // Unfollows.
  ~FollowerRole();
  FollowerRole(const FollowerRole&) = delete;
  FollowerRole& operator=(const FollowerRole&) = delete;

  const PartitionFollower& core() const { return core_; }

  // Looks for the leader.
  void begin();

  void on_link_up(LinkId link);
  void on_link_down(LinkId link);
  // bytes   of StreamBatches; borrowed for the call
  void on_message(LinkId link, const LeaderMessage& message, ByteView bytes);

  // A sync ended, whoever wanted it.
  void on_synced();
  void set_stalled(bool stalled);
  // What the image says: whether the replica counts among those in sync.
  void on_view(bool is_in_sync);
  void set_config(const TopicConfig& config);
  // The cut that the core asked for is made.
  void on_cut();

 private:
  void drain();
  void carry_out(const SendToLeader& effect);
  void carry_out(const TruncateLog& effect);
  void carry_out(const RestartLog& effect);
  void carry_out(const AppendBatches& effect);
  void carry_out(const StartSync& effect);
  void carry_out(const AdvanceHighWatermark& effect);
  void carry_out(const AdvanceLogStart& effect);
  void carry_out(const StreamBroken& effect);
  void carry_out(const AskAllowance& effect);
  Result<void> stage_all(const std::vector<BatchClaim>& claims);
  void arm_timer();
  void throttle(const TopicConfig& config);

  Partition& partition_;
  const BrokerId leader_;
  PartitionFollower core_;
  AllowanceLine line_;
  bool is_in_sync_ = false;
  bool draining_ = false;
  LinkId link_ = kNoLink;
  ByteView bytes_;               // of the message that is worked on
  bool waits_for_sync_ = false;  // the core has asked, and was not told yet
  std::optional<TimerId> timer_;
};

}  // namespace strandline
