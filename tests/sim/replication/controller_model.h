// The controller as the replicas of one partition meet it: simple, honest, and never down.
// Elections and ISR changes follow section 7 of the design (docs/replication.md); consensus is not
// its subject.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "protocol/base/clock.h"
#include "protocol/base/errc.h"
#include "replication/partition/replica.h"

namespace strandline {
class StateWriter;
}

namespace strandline::partition_sim {

// What every broker is told about the partition.
struct Image {
  CommittedIsr isr;
  std::vector<ReplicaId> replicas;
  ReplicaId leader = kNoReplica;
  LeaderEpoch leader_epoch{0};
  std::int32_t min_insync_replicas = 1;  // of the topic's config
  // Present starts of the brokers. One that does not find its own here is told of the past.
  std::map<ReplicaId, Incarnation> incarnations;
};

// What a broker says of its log as it registers.
struct Registration {
  bool unclean = false;  // the last process did not end in order
  bool cut = false;      // recovery cut a tail
  bool damaged = false;  // records are missing that were on the disk
  LeaderEpoch last_epoch = kNoLeaderEpoch;
  Offset log_end_offset;
};

struct Refusal {
  PartitionEpoch expected;
  Errc reason = Errc::ok;
  ReplicaId at_fault = kNoReplica;
};

// Mistakes that a controller can make; see Plant.
struct ControllerMistakes {
  bool elects_anyone = false;
  bool compares_nothing = false;
  bool keeps_leader_epoch = false;
  bool hides_min_insync_replicas = false;
};

class ControllerModel {
 public:
  ControllerModel(std::vector<ReplicaId> replicas, std::int32_t min_insync_replicas,
                  bool flush_on_ack, const ControllerMistakes& mistakes);

  // A broker that has no replica, for now.
  void expect(ReplicaId broker) { brokers_[broker]; }
  Incarnation register_broker(Instant now, ReplicaId broker, const Registration& registration);
  void fence(Instant now, ReplicaId broker);
  void unfence(Instant now, ReplicaId broker);
  bool is_fenced(ReplicaId broker) const { return brokers_.at(broker).fenced; }

  std::variant<CommittedIsr, Refusal> alter_isr(Instant now, const IsrProposal& proposal);
  void set_min_insync_replicas(std::int32_t min_insync_replicas);
  // The replicas are to be on these brokers. Those that are new join; when all are in sync the
  // others go.
  void reassign(Instant now, std::vector<ReplicaId> target);
  // Elections that wait for somebody to come.
  void on_tick(Instant now);
  // For how long they may do so.
  static constexpr Duration kLeaderlessMax = std::chrono::seconds{10};
  bool waits(Instant now) const {
    return leaderless_since_ && now - *leaderless_since_ < kLeaderlessMax;
  }

  Image image() const;
  bool is_reassigning() const { return target_.has_value(); }
  ReplicaId leader() const { return leader_; }
  LeaderEpoch leader_epoch() const { return leader_epoch_; }
  PartitionEpoch partition_epoch() const { return partition_epoch_; }
  const std::set<ReplicaId>& isr() const { return isr_; }
  const std::set<ReplicaId>& eligible() const { return eligible_; }
  // The records acknowledged are on no other disk.
  bool is_needed(ReplicaId broker) const;

 private:
  friend class strandline::StateWriter;
  struct Broker {
    Incarnation incarnation = kNoIncarnation;
    bool fenced = true;
    Registration registered;
  };

  Errc check_member(const IsrMember& member) const;
  void take_isr(std::set<ReplicaId> isr);
  void leave(ReplicaId broker);
  void finish_reassignment(Instant now);
  void elect(Instant now);
  ReplicaId choose(Instant now) const;
  ReplicaId choose_among_cut(Instant now, const std::set<ReplicaId>& candidates) const;

  std::vector<ReplicaId> replicas_;
  std::optional<std::vector<ReplicaId>> target_;  // of a reassignment under way
  std::int32_t min_insync_replicas_;
  const bool flush_on_ack_;
  const ControllerMistakes mistakes_;
  std::map<ReplicaId, Broker> brokers_;
  std::set<ReplicaId> isr_;
  std::set<ReplicaId> eligible_;  // beside the ISR: known to hold all that was acknowledged
  ReplicaId leader_ = kNoReplica;
  LeaderEpoch leader_epoch_{0};
  PartitionEpoch partition_epoch_{1};
  std::optional<Instant> leaderless_since_;
  std::int64_t incarnations_ = 0;
};

}  // namespace strandline::partition_sim
