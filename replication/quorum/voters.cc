#include "replication/quorum/voters.h"

#include <algorithm>
#include <map>

namespace strandline {

VoterSet::VoterSet(const std::vector<Voter>& voters) {
  std::map<ReplicaKey, Voter> sorted;
  for (const Voter& voter : voters) sorted.insert_or_assign(voter.key, voter);
  for (const auto& [key, voter] : sorted) voters_.push_back(voter);
}

const Voter* VoterSet::find(const ReplicaKey& key) const {
  const auto at = std::ranges::find(voters_, key, &Voter::key);
  return at == voters_.end() ? nullptr : &*at;
}

const Voter* VoterSet::find(BrokerId node) const {
  const auto at =
      std::ranges::find_if(voters_, [&](const Voter& voter) { return voter.key.node == node; });
  return at == voters_.end() ? nullptr : &*at;
}

VoterSet VoterSet::with(const Voter& voter) const {
  std::vector<Voter> voters = voters_;
  voters.push_back(voter);
  return VoterSet{voters};
}

VoterSet VoterSet::without(const ReplicaKey& key) const {
  VoterSet rest = *this;
  std::erase_if(rest.voters_, [&](const Voter& voter) { return voter.key == key; });
  return rest;
}

bool VoterSet::is_one_step_from(const VoterSet& other) const {
  std::size_t different = 0;
  for (const Voter& voter : voters_) different += other.contains(voter.key) ? 0 : 1;
  for (const Voter& voter : other.voters_) different += contains(voter.key) ? 0 : 1;
  return different <= 1;
}

}  // namespace strandline
