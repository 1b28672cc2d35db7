#include "replication/partition/isr_set.h"

#include <utility>

#include "protocol/base/assertion.h"

namespace strandline {

IsrSet::IsrSet(CommittedIsr committed)
    : committed_(std::move(committed)),
      members_(committed_.members.begin(), committed_.members.end()),
      maximal_(members_) {}

bool IsrSet::commit(const CommittedIsr& committed) {
  if (committed.partition_epoch <= committed_.partition_epoch) return false;
  *this = IsrSet{committed};
  return true;
}

void IsrSet::propose(IsrProposal proposal) {
  STRANDLINE_ASSERT(!pending_.has_value());
  STRANDLINE_ASSERT(proposal.expected == committed_.partition_epoch);
  for (const IsrMember& member : proposal.members) maximal_.insert(member.replica);
  pending_ = std::move(proposal);
}

bool IsrSet::refuse(PartitionEpoch expected) {
  if (!pending_.has_value() || expected != committed_.partition_epoch) return false;
  pending_.reset();
  return true;
}

}  // namespace strandline
