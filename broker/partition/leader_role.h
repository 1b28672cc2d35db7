// A partition's replica while it leads: feeds the PartitionLeader core, and does what it asks for.
//
// Thread   the shard
// Owns     the core, and its timer; is owned by the partition for as long as the term lasts
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "broker/partition/replica_services.h"
#include "broker/partition/replication_throttle.h"
#include "broker/partition/stream_read.h"
#include "broker/runtime/shard_loop.h"
#include "protocol/base/clock.h"
#include "replication/metadata/topic_config.h"
#include "replication/partition/partition_leader.h"

namespace strandline {

class Partition;

// What a leader can say of time, and nobody else: nothing that was appended before `broker_time`
// lies at or above `log_end_offset`.
struct TimeStatement {
  Offset log_end_offset;
  Timestamp broker_time;
  Timestamp highest_event_time;
  Duration idle;  // without an append, as far as this leader has been there
};

class LeaderRole {
 public:
  // partition   outlives the role
  // Needs       the log knows of the term (on_new_leader_epoch), and of none above it
  LeaderRole(Partition& partition, const PartitionView& view);
  ~LeaderRole();
  LeaderRole(const LeaderRole&) = delete;
  LeaderRole& operator=(const LeaderRole&) = delete;

  const PartitionLeader& core() const { return core_; }
  // What a reader at `position` may be told of time. None: there is something to read, or on its
  // way, or nobody vouches for this broker yet.
  std::optional<TimeStatement> time_statement(Offset position) const;

  // What a client believes that is not so in this log: that there are records up to its position,
  // or that a batch with this sequence is the producer's next.
  struct Claim {
    ProducerId producer = kNoProducerId;  // none: a reader
    std::int64_t place = 0;
    friend bool operator==(const Claim&, const Claim&) = default;
  };
  // Whether a client may be told what only the present leader knows: that it is wrong. It may have
  // come from a later leader that this broker has not heard of, and would begin anew somewhere, or
  // give up. True once a heartbeat vouches for this leader that was sent after the claim was first
  // made, lately: what another leader did later says nothing of that claim.
  bool knows_that_it_leads(const Claim& claim);

  // Other brokers have replicas.
  bool has_followers() const { return has_followers_; }

  // Does what the core wanted as it was made.
  void begin() { drain(); }

  // The log grew, from `first` on, by so many bytes.
  void on_append(Offset first, Timestamp append_time, std::uint64_t bytes);
  void on_synced();
  void on_log_start();
  void on_view(const PartitionView& view);
  void set_config(const TopicConfig& config);

  // Over which its followers can be spoken to.
  std::vector<LinkId> links() const;

  void on_message(LinkId link, const FollowerMessage& message);
  void on_link_down(LinkId link);
  void on_link_room(LinkId link);

 private:
  struct Stream {
    StreamName name;
    LinkId link = kNoLink;
  };
  struct Appended {
    Offset first;
    Timestamp time;
  };
  // What was read last, for the next follower who is to get the same.
  struct Shared {
    Offset from;
    Offset end;
    std::uint64_t bytes_max = 0;
    StreamRead read;
  };

  void drain();
  void carry_out(const AdvanceHighWatermark& effect);
  void carry_out(const ServeReaders& effect);
  void carry_out(const RefuseWaiting& effect);
  void carry_out(const ProposeIsr& effect);
  void carry_out(SendToFollower& effect);
  void carry_out(const ReadBatches& effect);
  void carry_out(const AskAllowance& effect);

  LinkId link_of(const StreamName& name) const;
  void read(const ReadBatches& wanted);
  void read_cold(const ReadBatches& wanted, ReadPlan plan);
  void read_ended(const ReadBatches& wanted, Result<StreamRead> read);
  void fill_times(const Segment& segment, std::vector<BatchClaim>& claims) const;
  void on_isr_reply(const IsrProposal& proposal, const IsrReply& reply);
  void move_tail(Offset first, std::uint64_t bytes);
  void arm_timer();

  bool is_throttled(const TopicConfig& config) const;

  Partition& partition_;
  PartitionLeader core_;
  AllowanceLine line_;
  const bool has_followers_;
  bool draining_ = false;
  std::map<ReplicaId, Stream> streams_;  // the newest of each, and where it came from
  Stream heard_;                         // of the message that is worked on
  std::vector<ReadBatches> held_;        // wait for room on their links
  std::optional<Shared> shared_;         // within one drain
  std::deque<Appended> appended_;        // when the newest batches came, oldest first
  std::uint64_t tail_bytes_ = 0;         // since next_tail_
  Offset next_tail_;
  struct Doubt {
    Claim claim;
    Instant since;
  };
  std::deque<Doubt> doubts_;           // of lately, oldest first
  Instant idle_since_ = steady_now();  // the last append of this term, or its begin
  std::optional<TimerId> timer_;
};

// What a producer is told of a batch that was not appended. One that hears that a batch is missing
// before this one gives up for good: that is said only by who knows that nobody else has it.
ErrorCode told_to_producer(Partition& partition, const BatchHeader& batch, const ErrorCode& error);

}  // namespace strandline
