// Who decides about the metadata log. A voter is a broker with one certain data directory: a broker
// whose disk was wiped is another replica, and has no vote until it is given one.
//
// Thread   values, no state
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "protocol/base/host_port.h"
#include "protocol/base/ids.h"
#include "protocol/base/uuid.h"

namespace strandline {

struct ReplicaKey {
  BrokerId node = kNoBroker;
  Uuid directory;

  friend auto operator<=>(const ReplicaKey&, const ReplicaKey&) = default;
};

struct Voter {
  ReplicaKey key;
  HostPort rpc;  // where it listens for other brokers

  friend bool operator==(const Voter&, const Voter&) = default;
};

class VoterSet {
 public:
  VoterSet() = default;
  // Of several with one key the last counts.
  explicit VoterSet(const std::vector<Voter>& voters);

  const std::vector<Voter>& all() const { return voters_; }  // by key
  std::size_t size() const { return voters_.size(); }
  bool empty() const { return voters_.empty(); }
  bool contains(const ReplicaKey& key) const { return find(key) != nullptr; }
  const Voter* find(const ReplicaKey& key) const;
  const Voter* find(BrokerId node) const;
  std::size_t majority() const { return voters_.size() / 2 + 1; }

  VoterSet with(const Voter& voter) const;
  VoterSet without(const ReplicaKey& key) const;

  // Whether at most one replica was added or removed: then any two majorities of the old and the
  // new set have a member in common, and one may follow on the other (Ongaro 2014, section 4.1).
  bool is_one_step_from(const VoterSet& other) const;

  friend bool operator==(const VoterSet&, const VoterSet&) = default;

 private:
  std::vector<Voter> voters_;
};

}  // namespace strandline
