// A whole cluster on simulated hosts: starts, ends, forms, is asked for changes, and is looked at
// from outside.
//
// Thread   the world's
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/config/settings.h"
#include "tests/sim/cluster/checker.h"
#include "tests/sim/cluster/clients.h"
#include "tests/sim/cluster/world.h"

namespace strandline::cluster_sim {

// What kind of cluster a seed means.
struct Shape {
  int brokers = 3;  // 3 or 5; three of them found the cluster
  int partitions = 2;
  std::int64_t segment_bytes = 1 << 30;
  std::string topic = "t";
};

enum class Damage : std::uint8_t { anywhere, at_the_end };

class Cluster {
 public:
  Cluster(World& world, const Shape& shape);

  const Shape& shape() const { return shape_; }
  Checker& checker() { return checker_; }

  void start(Host& host);
  void start_all();
  void kill(Host& host);
  // model   what stays of what was not synced
  void cut_power(Host& host, const CrashModel& model);
  // In order; it starts again by itself.
  void stop_in_order(Host& host);
  // Its disk is replaced by an empty one while it is down.
  void wipe(Host& host);
  // A bit flips in one of its partitions' logs, below what was synced, while it is down. False:
  // there is none.
  bool corrupt(Host& host, Damage damage);

  // Asks the controller, through a broker that serves.
  void create_topic();
  void reassign(PartitionIndex partition, const std::vector<int>& brokers);
  void stop_reassigning() { may_reassign_ = false; }

  // The newest metadata that any broker shows; nullptr: none serves.
  std::shared_ptr<const MetadataImage> image() const;
  Host* controller() const;
  // Who leads, as the newest metadata says; nullptr: nobody, or its host is down.
  Host* leader_of(PartitionIndex partition) const;
  // Who has proposed to the controller that this host's replica is in sync again.
  Host* who_adds(const Host& host) const;
  bool is_formed() const;
  // Nothing is lost if this host's disk is: all others have everything, and are well.
  bool can_lose_disk_of(const Host& host) const;
  // Of a disk that was wiped: nobody counts on the vote it had.
  bool is_lost_disk_replaced() const;
  // As readers of all replicas, and of all there is: what is damaged is found out.
  void read_through();
  bool has_read_all() const { return reads_left_ == 0; }
  // Why not everything is as it should be without faults; empty: it is.
  std::string unsettled() const;

  // For the trace: each replica as it is.
  void note_state() const;

  std::uint64_t starts() const { return starts_; }
  std::uint64_t disk_failures() const { return disk_failures_; }

 private:
  Settings settings_of(const Host& host) const;
  void start_later(Host& host, Duration wait);
  bool all_voters_have_disks(const MetadataNode& controls) const;
  std::vector<std::string> logs_of(const Host& host, int partition) const;

  World& world_;
  const Shape shape_;
  Checker checker_;
  bool may_reassign_ = true;
  Uuid lost_;  // the directory id of the disk that was wiped last
  std::uint64_t reads_left_ = 0;
  std::uint64_t starts_ = 0;
  std::uint64_t disk_failures_ = 0;
};

}  // namespace strandline::cluster_sim
