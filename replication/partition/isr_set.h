// The in-sync replicas as their leader must see them: what the controller committed, and what may
// become of it.
//
// The *maximal ISR* is the committed one plus every replica whose addition was proposed on top of
// it. A proposal that nobody answered may still be taken, also after another try of it was refused:
// on the way, an old message can wait for its moment. So an addition counts until a newer partition
// epoch is known, which no proposal on top of the older one can follow. A removal counts once it is
// committed.
//
// Thread   one owner
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <vector>

#include "protocol/base/ids.h"
#include "replication/partition/replica.h"

namespace strandline {

class IsrSet {
 public:
  explicit IsrSet(CommittedIsr committed);

  PartitionEpoch partition_epoch() const { return committed_.partition_epoch; }
  std::int32_t min_insync_replicas() const { return committed_.min_insync_replicas; }
  const std::set<ReplicaId>& committed() const { return members_; }
  const std::set<ReplicaId>& maximal() const { return maximal_; }
  bool contains(ReplicaId replica) const { return members_.contains(replica); }
  std::size_t size() const { return members_.size(); }

  const std::optional<IsrProposal>& pending() const { return pending_; }
  // Additions of a proposal that was refused count on: only another change settles them.
  bool has_doubt() const { return maximal_.size() > members_.size(); }

  // False when it is not newer than what is known; nothing has changed then.
  bool commit(const CommittedIsr& committed);

  // Needs    none pending; made on top of the present partition epoch
  void propose(IsrProposal proposal);

  // The pending proposal is refused; its additions count on. False when it answers another one.
  bool refuse(PartitionEpoch expected);

 private:
  CommittedIsr committed_;
  std::set<ReplicaId> members_;
  std::set<ReplicaId> maximal_;
  std::optional<IsrProposal> pending_;
};

}  // namespace strandline
