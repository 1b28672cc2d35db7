#include "broker/cluster/cluster_entry.h"

#include <algorithm>
#include <string>
#include <utility>

#include "broker/logging/log.h"

namespace strandline {
namespace {

constexpr Duration kAskInterval = std::chrono::milliseconds{100};
// What a broker said of itself holds for so long.
constexpr Duration kWordHolds = std::chrono::seconds{2};
constexpr int kComplainEach = 50;  // rounds of asking

}  // namespace

ClusterEntry::ClusterEntry(ShardLoop& loop, ClusterLinks& links, BrokerId self, ClusterSeeds seeds,
                           const Uuid& new_cluster_id, std::function<void(const Found&)> found)
    : loop_(loop),
      links_(links),
      self_(self),
      seeds_(std::move(seeds)),
      new_cluster_id_(new_cluster_id),
      found_(std::move(found)) {}

std::set<ClusterLinks::Target> ClusterEntry::targets(const ClusterSeeds& seeds, BrokerId self) {
  std::set<ClusterLinks::Target> targets;
  for (const ClusterLinks::Target& voter : seeds.voters) {
    if (voter.node != self) targets.insert(voter);
  }
  for (const HostPort& address : seeds.join) targets.insert({address, kNoBroker});
  return targets;
}

void ClusterEntry::start() {
  links_.set_targets(targets(seeds_, self_));
  ask();
}

void ClusterEntry::ask() {
  if (closed_ || !found_) return;
  // A cluster of one voter is founded at once.
  if (may_found()) {
    return decide({.cluster_id = new_cluster_id_,
                   .joined = false,
                   .voters = static_cast<std::int32_t>(seeds_.voters.size())});
  }
  if (++asked_ % kComplainEach == 0) {
    log_line(LogLevel::warn, "cluster",
             "still waiting for the cluster: a first start needs every broker of cluster.voters, a "
             "join one that belongs to a cluster",
             {{"connected", links_.connected()}, {"heard", unattached_.size()}});
  }
  links_.ask_identities([this](const RpcIdentity& identity) { heard(identity); });
  loop_.after(kAskInterval, [this] { ask(); });
}

void ClusterEntry::heard(const RpcIdentity& identity) {
  if (closed_ || !found_) return;
  if (!identity.cluster_id.is_zero()) {
    return decide({.cluster_id = identity.cluster_id, .joined = true, .voters = 0});
  }
  unattached_[identity.node_id] = steady_now();
}

// The lowest of the voters founds, and no other.
bool ClusterEntry::may_found() const {
  if (seeds_.voters.empty()) return false;
  const Instant now = steady_now();
  return std::ranges::all_of(seeds_.voters, [&](const ClusterLinks::Target& voter) {
    if (voter.node == self_) return true;
    const auto heard = unattached_.find(voter.node);
    return voter.node > self_ && heard != unattached_.end() && now - heard->second < kWordHolds;
  });
}

void ClusterEntry::decide(const Found& found) {
  log_line(LogLevel::info, "cluster", found.joined ? "joining the cluster" : "founding a cluster",
           {{"cluster", to_text(found.cluster_id)}});
  std::exchange(found_, nullptr)(found);
}

}  // namespace strandline
