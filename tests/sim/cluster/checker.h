// What must never happen to a cluster, and the memory it takes to see it happen. Looked for after
// each event, on the host where it happened.
//
//   partitions   one leader an epoch; it has all that was committed; the high watermark does not
//                fall while a process lives; below it all replicas are the same, for ever; nothing
//                that was readable is cut
//   producers    acknowledged means committed, at that offset, on as many disks as the topic asks
//                for; no batch twice, none out of order
//   readers      never see the high watermark fall from one leader to the next, nor miss what was
//                acknowledged before they asked
//   time         see TimeChecker
//   metadata     one leader an epoch; it has all that was committed; all replicas commit the same
//   promises     see VouchChecker and QuorumChecker: what is broken before anything is lost
//
// Thread   the world's
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/partition/partition.h"
#include "protocol/base/ids.h"
#include "tests/sim/cluster/log_view.h"
#include "tests/sim/cluster/quorum_checker.h"
#include "tests/sim/cluster/sim_broker.h"
#include "tests/sim/cluster/time_checker.h"
#include "tests/sim/cluster/vouch_checker.h"

namespace strandline::cluster_sim {

// A word of a broker to a producer that its batch is there.
struct Acked {
  PartitionKey place;
  ProducerId producer;
  Sequence sequence;
  Offset base_offset;
  Offset end;
  LeaderEpoch leader_epoch;
  int said_by = 0;  // the host
};

class Checker {
 public:
  // min_insync   on so many disks an acknowledged batch must be
  Checker(World& world, std::int32_t min_insync)
      : world_(world), min_insync_(min_insync), vouching_(min_insync) {}

  // All of these throw Violation.
  void after_event(Host& host);
  // A part of that.
  void check_metadata(Host& host, const Quorum& quorum);
  // As the broker says it, on its host; judged once the event is over.
  void on_saying_acked(const Acked& acked) { said_.push_back(acked); }
  // As the producer hears it.
  void on_acked(const Acked& acked);
  // A reader asked when `acked_before` was acknowledged, and was shown the partition up to there.
  void on_read(const PartitionKey& place, LeaderEpoch epoch, Offset high_watermark,
               Offset acked_before);
  // A leader said that nothing appended before `stated` lies at or above `end`.
  void on_statement(const PartitionKey& place, Offset end, Instant stated) {
    partitions_[place].time.on_statement(end, stated);
  }
  // This producer does not wait for all replicas.
  void note_lax(ProducerId producer) { lax_.insert(producer); }
  // All logs in full; nothing else is under way.
  void check_everything();

  // The host loses records that were on its disk: its log may be cut, or begin anew, now or when
  // the damage is met. Until a leader can know of it, it counts on what it was told of that disk.
  void note_damage(const Host& host);

  VouchChecker& vouching() { return vouching_; }

  Offset acked_end(const PartitionKey& place) const;
  std::uint64_t leader_changes() const { return terms_ - partitions_.size(); }
  std::uint64_t acked() const { return acked_; }
  std::uint64_t statements() const;
  std::uint64_t metadata_leaders() const { return metadata_leaders_.size(); }
  Offset committed_end(const PartitionKey& place) const;
  const std::vector<BatchView>& committed(const PartitionKey& place) {
    return partitions_[place].committed;
  }

 private:
  using Process = std::pair<int, std::uint64_t>;  // host, life

  // Of a replica, as it was last seen.
  struct Seen {
    std::uint64_t life = 0;
    Offset high_watermark{0};
    Offset log_end{0};
    Offset flushed{0};
    LeaderEpoch leads_in = kNoLeaderEpoch;
  };
  struct Reads {
    Offset first;
    Offset last;
  };
  struct PartitionHistory {
    std::vector<BatchView> committed;  // in order of offsets, without holes
    std::map<LeaderEpoch, Offset> committed_ends;
    Offset unread_end{0};  // a leader got there whose own log its disk does not give
    // Such a leader's word; held against what there is, once another replica shows it.
    std::map<Offset, Acked> unread_acks;
    std::map<LeaderEpoch, Process> leaders;
    std::map<LeaderEpoch, Reads> reads;
    std::map<std::pair<ProducerId, Sequence>, Offset> places;
    std::map<ProducerId, Sequence> next_sequence;
    std::map<LeaderEpoch, Offset> acked;
    std::map<int, Seen> replicas;
    std::map<int, Offset> lost;  // how much was on damaged disks before it was given up
    TimeChecker time;
    Offset committed_end() const {
      return committed.empty() ? Offset{0} : committed.back().next_offset();
    }
  };
  struct MetadataSeen {
    std::uint64_t life = 0;
    Offset committed{0};
    LeaderEpoch leads_in = kNoLeaderEpoch;
  };
  struct MetadataBatch {
    LeaderEpoch epoch;
    Offset next_offset;
    std::uint64_t digest;
  };

  void check_partition(Host& host, Partition& partition);
  void check_term(Host& host, Partition& partition, PartitionHistory& history, Seen& seen);
  void check_high_watermark(Host& host, Partition& partition, PartitionHistory& history, Seen& seen,
                            LeaderEpoch leads_in);
  void compare(const Host& host, const std::vector<BatchView>& batches, PartitionHistory& history,
               bool may_add) const;
  void note_append(const Partition& partition, PartitionHistory& history, Seen& seen);
  void must_hold(const Host& host, const PartitionLog& log, const PartitionHistory& history,
                 Offset from, Offset end) const;
  void add(PartitionHistory& history, const BatchView& batch) const;
  static bool is_batch_of(const BatchView& batch, const Acked& acked);
  void note_lost(const Host& host, PartitionHistory& history, Offset flushed);
  void check_said(const Acked& acked);
  bool is_on_disk(const Host& host, const Acked& acked) const;
  bool was_on_lost_disk(const Host& host, const PartitionHistory& history,
                        const Acked& acked) const;

  World& world_;
  const std::int32_t min_insync_;
  VouchChecker vouching_;
  QuorumChecker quorums_;
  std::map<PartitionKey, PartitionHistory> partitions_;
  std::set<int> damaged_;
  std::set<ProducerId> lax_;
  std::vector<Acked> said_;
  std::uint64_t terms_ = 0;
  std::uint64_t acked_ = 0;
  std::map<int, MetadataSeen> metadata_seen_;
  std::map<LeaderEpoch, Process> metadata_leaders_;
  std::map<Offset, MetadataBatch> metadata_;  // committed, by base offset
};

std::string text(Offset offset);
std::string text(LeaderEpoch epoch);

}  // namespace strandline::cluster_sim
