// What goes wrong with a simulated cluster, at random: processes, power, links, disks, clocks, and
// operators who move partitions meanwhile. Every fault has an end.
//
// Counted is what took effect: a process that ran, a link that stood, a disk call that failed.
//
// Thread   the world's
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/sim/cluster/cluster.h"
#include "tests/sim/cluster/world.h"

namespace strandline::cluster_sim {

struct FaultStats {
  std::uint64_t kills = 0;
  std::uint64_t power_cuts = 0;
  std::uint64_t stops = 0;  // in order
  std::uint64_t pauses = 0;
  std::uint64_t cuts = 0;  // links, and groups of them
  std::uint64_t bad_links = 0;
  std::uint64_t disks = 0;
  std::uint64_t lost_disks = 0;  // wiped, or a bit flipped
  std::uint64_t clocks = 0;
  std::uint64_t reassignments = 0;

  std::uint64_t all() const {
    return kills + power_cuts + stops + pauses + cuts + bad_links + disks + lost_disks + clocks +
           reassignments;
  }
  void add(const FaultStats& other);
};

class Faults {
 public:
  Faults(World& world, Cluster& cluster);

  // Begins; one after the other until heal().
  void begin();
  // From here on nothing fails, and everybody is there again.
  void heal();
  const FaultStats& stats() const { return stats_; }

 private:
  void plan_next();
  void strike();
  void strike_disk(Host& host);
  void strike_links();
  void strike_process(Host& host);
  void strike_clock(Host& host);
  void lose_disk(Host& host);
  void wipe(Host& host);
  void corrupt(Host& host);
  void tear(Host& any);
  void tear_when_added(Host& host, Instant until);
  void stop_all();
  void move_partition();
  void cut_for(int from, int to, Duration duration);
  void isolate(const Host& host, Duration duration);
  void fail_calls(Host& host, DiskCall call, int error, std::string path_part);
  Host& anyone();
  Host& somebody_who_matters();
  Host* up(Host& host) { return host.is_up() && !host.paused ? &host : nullptr; }
  CrashModel what_stays();
  // A founder's disk is lost and not replaced among the voters: another voter that has to cut its
  // metadata log is one too many, and the quorum waits for an administrator (docs/quorum.md).
  bool must_spare_logs();
  Duration ms(std::uint64_t least, std::uint64_t most);
  void restart_after(Host& host, Duration wait);
  // As it comes back it sometimes loses power again.
  void strike_again(Host& host, Duration wait);

  World& world_;
  Cluster& cluster_;
  Prng prng_;
  const std::uint64_t interval_ms_max_;
  const bool loses_messages_;
  bool active_ = true;
  bool is_damaged_ = false;  // a disk has lost something that nobody may have met yet
  bool is_replaced_ = true;  // a wiped disk, by those who vote
  FaultStats stats_;
};

}  // namespace strandline::cluster_sim
