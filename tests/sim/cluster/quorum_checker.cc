#include "tests/sim/cluster/quorum_checker.h"

#include <string>

#include "replication/quorum/quorum_codec.h"
#include "storage/checkpoint/guarded_file.h"

namespace strandline::cluster_sim {
namespace {

// As broker/metadata has it.
constexpr char kVoteName[] = "__cluster_metadata-0/vote";
constexpr FileKind kVoteKind{.magic = "SLVO", .version = 1};

std::string text(LeaderEpoch epoch) { return std::to_string(epoch.value()); }

}  // namespace

void QuorumChecker::after_event(const Host& host, const Quorum& quorum) {
  after_event(host, Leading{.epoch = quorum.leads() ? quorum.epoch() : kNoLeaderEpoch,
                            .committed = quorum.committed(),
                            .epoch_committed = quorum.log().epoch_before(quorum.committed()),
                            .voters_end = quorum.log().voters_end().offset,
                            .decides = quorum.is_ready()});
}

void QuorumChecker::after_event(const Host& host, const Leading& now) {
  Seen& seen = seen_[host.id];
  const bool begins = seen.life != host.life || seen.leading.epoch != now.epoch;
  const Leading before = seen.leading;
  seen = {host.life, now};
  if (now.epoch == kNoLeaderEpoch) return;
  if (begins) return check_vote(host, now.epoch);
  if (now.epoch_committed == now.epoch) return;
  const std::string who = "a leader of the metadata in epoch " + text(now.epoch);
  if (now.committed > before.committed) {
    throw Violation{who + " commits what earlier ones left, and nothing of its own"};
  }
  if (now.voters_end > before.voters_end) {
    throw Violation{who + " changes the voters before anything of its own is committed"};
  }
  if (now.decides) throw Violation{who + " decides before anything of its own is committed"};
}

void QuorumChecker::check_vote(const Host& host, LeaderEpoch epoch) {
  const auto bytes = read_file(*host.disk, kVoteName, kVoteKind);
  const auto stored = bytes ? decode_stored_vote(bytes.value()) : Result<StoredVote>{bytes.error()};
  if (stored && stored.value().vote.epoch >= epoch && stored.value().vote.voted_for) return;
  throw Violation{"leads the metadata in epoch " + text(epoch) +
                  ", and its own vote is not on its disk"};
}

}  // namespace strandline::cluster_sim
