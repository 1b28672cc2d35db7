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
  Seen& seen = seen_[host.id];
  const QuorumLog& log = quorum.log();
  const LeaderEpoch leads_in = quorum.leads() ? quorum.epoch() : kNoLeaderEpoch;
  const bool begins = seen.life != host.life || seen.leads_in != leads_in;
  const Seen before = seen;
  seen = {host.life, leads_in, quorum.committed(), log.voters_end().offset};
  if (leads_in == kNoLeaderEpoch) return;
  if (begins) return check_vote(host, leads_in);
  const bool has_own_committed = log.epoch_before(quorum.committed()) == leads_in;
  if (seen.committed > before.committed && !has_own_committed) {
    throw Violation{"a leader of the metadata in epoch " + text(leads_in) +
                    " commits what earlier ones left, and nothing of its own"};
  }
  if (seen.voters_end > before.voters_end && !has_own_committed) {
    throw Violation{"a leader of the metadata in epoch " + text(leads_in) +
                    " changes the voters before anything of its own is committed"};
  }
}

void QuorumChecker::check_vote(const Host& host, LeaderEpoch epoch) {
  const auto bytes = read_file(*host.disk, kVoteName, kVoteKind);
  const auto stored = bytes ? decode_stored_vote(bytes.value()) : Result<StoredVote>{bytes.error()};
  if (stored && stored.value().vote.epoch >= epoch && stored.value().vote.voted_for) return;
  throw Violation{"leads the metadata in epoch " + text(epoch) +
                  ", and its own vote is not on its disk"};
}

}  // namespace strandline::cluster_sim
