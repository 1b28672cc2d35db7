// How a broker with an empty data directory comes to belong to a cluster: it joins one that it is
// told of, or, named first among the voters of a new one, founds it once all of them are there and
// none belongs to a cluster. So a first start needs all voters, once, and a founder whose disk was
// wiped finds the cluster that it founded instead of founding another.
//
// Thread   the cluster's loop
#pragma once

#include <functional>
#include <map>
#include <set>
#include <vector>

#include "broker/cluster/cluster_links.h"
#include "broker/runtime/shard_loop.h"
#include "protocol/base/prng.h"

namespace strandline {

// Where the brokers are that a new one is told of.
struct ClusterSeeds {
  std::vector<ClusterLinks::Target> voters;  // cluster.voters, this broker's own entry among them
  std::vector<HostPort> join;                // --join
  bool empty() const { return voters.empty() && join.empty(); }
};

class ClusterEntry {
 public:
  struct Found {
    Uuid cluster_id;
    bool joined = true;       // false: this broker founds it
    std::int32_t voters = 0;  // how many the founder was told to make
  };

  // found   called once
  ClusterEntry(ShardLoop& loop, ClusterLinks& links, BrokerId self, ClusterSeeds seeds,
               const Uuid& new_cluster_id, std::function<void(const Found&)> found);

  void start();
  void close() { closed_ = true; }

  // Whom to connect to for these seeds.
  static std::set<ClusterLinks::Target> targets(const ClusterSeeds& seeds, BrokerId self);

 private:
  void ask();
  void heard(const RpcIdentity& identity);
  void decide(const Found& found);
  bool may_found() const;

  ShardLoop& loop_;
  ClusterLinks& links_;
  const BrokerId self_;
  const ClusterSeeds seeds_;
  const Uuid new_cluster_id_;
  std::function<void(const Found&)> found_;
  std::map<BrokerId, Instant> unattached_;  // those without a cluster, and when they said so
  int asked_ = 0;
  bool closed_ = false;
};

}  // namespace strandline
