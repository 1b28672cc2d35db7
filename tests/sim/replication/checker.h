// What must never happen to a replicated partition, and the memory it takes to see it happen.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/ids.h"
#include "replication/partition/replica.h"
#include "tests/sim/replication/replica_log.h"

namespace strandline {
class StateWriter;
}

namespace strandline::partition_sim {

struct Violation {
  std::string what;
};

class Checker {
 public:
  // A replica begins to lead.
  //
  // Throws   Violation when another did in this epoch, or when records that were committed in this
  //          or an earlier one are not in its log
  void on_leader(ReplicaId replica, std::uint64_t process, LeaderEpoch epoch,
                 const ReplicaLog& log);

  // The records below `high_watermark` are readable on a replica.
  //
  // Throws   Violation when its log differs from another that was readable there
  void on_high_watermark(ReplicaId replica, const ReplicaLog& log, Offset before,
                         Offset high_watermark, std::optional<LeaderEpoch> leads_in);

  // A reader sees the high watermark of a leader.
  //
  // Throws   Violation when a reader of this or an earlier leader has seen more
  void on_read(LeaderEpoch epoch, Offset high_watermark);

  // A producer hears that its batch is safe.
  //
  // durable_on   replicas that hold it so that no crash takes it
  // Throws       Violation when those are too few, or it is not committed
  void on_acknowledged(const SimBatch& batch, std::int32_t durable_on, std::int32_t needed);

  // A replica drops its records from `end` on.
  void on_cut(ReplicaId replica, const ReplicaLog& log, Offset end) const;

  // Every record that was committed up to this epoch, and is not deleted, is in this log.
  void must_hold_committed(ReplicaId replica, const ReplicaLog& log, LeaderEpoch up_to) const;

  Offset committed_end() const {
    return committed_.empty() ? Offset{0} : committed_.rbegin()->second.next_offset();
  }
  std::uint64_t acknowledged() const { return acknowledged_; }

 private:
  friend class strandline::StateWriter;
  struct Leader {
    ReplicaId replica = kNoReplica;
    std::uint64_t process = 0;
  };
  struct Reads {
    Offset first;
    Offset last;
  };

  std::map<Offset, SimBatch> committed_;          // by base offset, from the very first
  std::map<LeaderEpoch, Offset> committed_ends_;  // what each leader got to
  std::map<LeaderEpoch, Leader> leaders_;
  std::map<LeaderEpoch, Reads> reads_;
  std::uint64_t acknowledged_ = 0;
};

std::string text(Offset offset);

}  // namespace strandline::partition_sim
