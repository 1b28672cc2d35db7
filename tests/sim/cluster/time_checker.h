// What leaders say of time, held against what comes to be: nothing that was appended before a
// stated time ever lies at or above the end stated with it.
//
// Times are the world's: a stated time is the moment at which the broker's own clock showed it.
//
// Thread   the world's
#pragma once

#include <cstdint>
#include <map>

#include "protocol/base/clock.h"
#include "protocol/base/ids.h"

namespace strandline::cluster_sim {

// Of one partition.
class TimeChecker {
 public:
  // A leader's log has grown to `end`.
  void on_appended(LeaderEpoch epoch, Offset end, Instant now);
  // Batches are told once they are committed, in order of offsets. Throws Violation.
  void on_committed(LeaderEpoch epoch, Offset base_offset);
  // A leader said that nothing appended before `stated` lies at or above `end`. Throws Violation.
  void on_statement(Offset end, Instant stated);

  std::uint64_t statements() const { return statements_; }

 private:
  using Ends = std::map<Offset, Instant>;

  static void check(Offset base_offset, Instant appended, Offset end, Instant stated);

  std::map<LeaderEpoch, Ends> appended_;  // when each leader's log got to an end
  std::map<Offset, Instant> committed_;   // by base offset: when it was appended
  // By end, with later times at higher ends only: a word that another one implies is not kept.
  std::map<Offset, Instant> stated_;
  std::uint64_t statements_ = 0;
};

}  // namespace strandline::cluster_sim
