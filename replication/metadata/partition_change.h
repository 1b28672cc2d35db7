// The next state of one partition: who is in sync, who leads, and what either leaves behind.
//
// Complete are the in-sync replicas (ISR) and the eligible leader replicas (ELR, KIP-966): replicas
// that left the ISR when that left it too small for the high watermark to move (fewer than
// min.insync.replicas), and so still have every acknowledged record. Leaders come from the ISR,
// else from the ELR, and otherwise only by an administrator's act.
//
// A replica that cut its log at a start may have lost what it acknowledged, as far as it can tell
// itself. It is not elected while a complete one that cut nothing can be. When all of them cut, all
// are waited for (after a while two will do), and the longest log wins: a power cut tears tails
// that were never acknowledged, and one damaged disk is found out by the others. Beside a leader it
// stays complete while the ISR is too small, and is no more once it is not.
//
// A replica whose log did not open counts no more where others are complete and cut nothing. Where
// none is, it stays complete and cannot be elected until its log opens: it may have everything.
//
// Thread   values and pure functions
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "protocol/base/ids.h"
#include "replication/metadata/image.h"

namespace strandline {

// What is known of a broker, with regard to one partition.
struct ReplicaStanding {
  bool can_lead = false;               // registered, not fenced, not stopping
  std::optional<ReplicaLogEnd> found;  // for an unclean election: what it has said it has
};

enum class Election : std::uint8_t {
  if_needed,
  preferred,  // the first replica leads, if it is in sync and can
  unclean,    // any replica that can, where no complete one is left
};

class PartitionChange {
 public:
  using StandingOf = std::function<ReplicaStanding(BrokerId)>;

  // before   outlives it
  PartitionChange(const PartitionImage& before, std::int32_t min_insync_replicas,
                  StandingOf standing);

  // The leader's finding. Needs a non-empty subset of the replicas.
  void set_isr(std::vector<BrokerId> isr);

  // It is gone for now, with the log it has.
  void leave_isr(BrokerId broker);

  // It cut its log at its start, to this end.
  void note_cut(BrokerId broker, const ReplicaLogEnd& end);

  // Its log did not open at its start.
  void note_unopened(BrokerId broker);

  // And now it has opened, with nothing cut.
  void note_opened(BrokerId broker);

  // Its log lacks something, or may: it is complete no more.
  void forget(BrokerId broker);

  // A new term, under the same leader too: what that one knows of the replicas' logs is no good.
  void begin_term() { begins_term_ = true; }

  // Replicas change to `target`: those that are new join first, those that go stay until the new
  // ones are in sync. With no change but the order that is done at once.
  void reassign(std::span<const BrokerId> target);

  // Back to the replicas of before the reassignment, those that it keeps in its order first, as
  // Kafka does; nothing without one under way.
  void cancel_reassignment();

  // The leader leads on although it cannot be elected: there is nobody else.
  void keep_leader() { keeps_ = true; }

  // How a leader is chosen. Unless it is said: if_needed.
  void elect(Election how) { how_ = how; }

  // All complete replicas have been waited for long enough.
  void stop_waiting() { waits_ = false; }

  // The state that follows; none when nothing changes.
  std::optional<PartitionImage> next() const;

 private:
  struct Choice {
    BrokerId leader = kNoBroker;
    bool unclean = false;
  };

  void finish_reassignment(PartitionImage& state) const;
  void keep_eligible(PartitionImage& state) const;
  void choose_leader(PartitionImage& state) const;
  Choice choose(const PartitionImage& state) const;
  BrokerId longest_of_all(const PartitionImage& state) const;
  // Of those that cut nothing.
  BrokerId first_whole(const PartitionImage& state, std::span<const BrokerId> among) const;
  void leave_cut_behind(PartitionImage& state) const;
  std::size_t least_in_sync(const PartitionImage& state) const;
  void drop_cut(BrokerId broker);

  const PartitionImage& before_;
  PartitionImage edited_;
  std::int32_t min_insync_;
  StandingOf standing_;
  std::vector<BrokerId> forgotten_;
  Election how_ = Election::if_needed;
  bool keeps_ = false;
  bool waits_ = true;
  bool begins_term_ = false;
};

}  // namespace strandline
