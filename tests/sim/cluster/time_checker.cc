#include "tests/sim/cluster/time_checker.h"

#include <iterator>
#include <string>

#include "tests/sim/cluster/world.h"

namespace strandline::cluster_sim {
namespace {

std::string text(Instant time) {
  return std::to_string(time.time_since_epoch().count() / 1'000'000) + " ms";
}

}  // namespace

void TimeChecker::on_appended(LeaderEpoch epoch, Offset end, Instant now) {
  appended_[epoch].emplace(end, now);
}

void TimeChecker::on_committed(LeaderEpoch epoch, Offset base_offset) {
  const Ends& ends = appended_[epoch];
  const auto at = ends.upper_bound(base_offset);
  if (at == ends.end()) {
    throw Violation{"committed and appended by no leader: " + std::to_string(base_offset.value())};
  }
  committed_.emplace(base_offset, at->second);
  const auto above = stated_.upper_bound(base_offset);
  if (above == stated_.begin()) return;
  const auto& [end, stated] = *std::prev(above);
  check(base_offset, at->second, end, stated);
}

void TimeChecker::on_statement(Offset end, Instant stated) {
  ++statements_;
  for (auto at = committed_.lower_bound(end); at != committed_.end(); ++at) {
    check(at->first, at->second, end, stated);
  }
  auto above = stated_.upper_bound(end);
  if (above != stated_.begin() && std::prev(above)->second >= stated) return;
  while (above != stated_.end() && above->second <= stated) above = stated_.erase(above);
  stated_[end] = stated;
}

void TimeChecker::check(Offset base_offset, Instant appended, Offset end, Instant stated) {
  if (appended >= stated) return;
  throw Violation{"a leader vouched for a time that was not over: nothing from before " +
                  text(stated) + " from offset " + std::to_string(end.value()) + " on, and " +
                  std::to_string(base_offset.value()) + " is of " + text(appended)};
}

}  // namespace strandline::cluster_sim
