// What the cores ask for, carried out; and what must hold, checked.
#include <algorithm>
#include <utility>

#include "tests/sim/quorum/node.h"
#include "tests/sim/quorum/world.h"

namespace strandline::sim::quorum {
namespace {

// Long enough for several messages.
constexpr std::size_t kSnapshotBytes = 700;

}  // namespace

void World::carry_out(std::size_t node, const Send& effect) {
  send(node, effect.to, effect.message);
}

void World::carry_out(std::size_t node, const FindLeader& effect) {
  for (const auto& other : nodes_) send(node, other->key, effect.request);
}

void World::carry_out(std::size_t node, const AskLeader& effect) {
  send(node, effect.leader.key, effect.request);
}

void World::carry_out(std::size_t node, const PersistVote& effect) {
  Node& n = *nodes_[node];
  n.votes_under_way.push_back(effect.vote);
  on_disk(node, [this, node, vote = effect.vote] {
    Node& there = *nodes_[node];
    there.votes_under_way.erase(there.votes_under_way.begin());
    if (options_.plant != Plant::vote_not_durable) there.vote = vote;
    there.core->on_vote_persisted(now_, vote);
  });
}

void World::carry_out(std::size_t node, const CutTail& effect) {
  Node& n = *nodes_[node];
  ++stats_.truncations;
  note(node, "truncates to " + text(effect.end));
  if (effect.end < n.applied) throw Violation{"a replica cuts off what it applied"};
  while (!n.log.empty() && n.log.back().base_offset >= effect.end) n.log.pop_back();
  n.flushed = std::min(n.flushed, effect.end);
}

void World::carry_out(std::size_t node, const AppendLog& effect) {
  Node& n = *nodes_[node];
  for (const QuorumBatch& batch : effect.batches) {
    if (batch.base_offset != n.end()) throw Violation{"an append leaves a hole"};
    n.log.push_back(batch);
  }
  const QuorumBatch last = n.log.back();
  if (options_.plant == Plant::sync_lies && prng_.chance(1, 2)) {
    at_node(node, now_, [this, node, end = last.next_offset] {
      nodes_[node]->core->on_synced(now_, std::min(end, nodes_[node]->end()));
    });
  }
  on_disk(node, [this, node, last] {
    Node& there = *nodes_[node];
    // Cut off meanwhile, and perhaps written anew: then that sync covers nothing of it.
    const auto held = std::ranges::find(there.log, last.base_offset, &QuorumBatch::base_offset);
    const bool in_snapshot = last.next_offset <= there.snapshot.offset;
    if (!in_snapshot && (held == there.log.end() || !same(*held, last))) return;
    there.flushed = std::max(there.flushed, last.next_offset);
    there.core->on_synced(now_, there.flushed);
  });
}

const World::Decided* World::decided_at(Offset base_offset) const {
  const auto found = committed_.find(base_offset);
  return found == committed_.end() ? nullptr : &found->second;
}

std::uint64_t World::digest_at(Offset end) const {
  const auto beyond = committed_.lower_bound(end);
  return beyond == committed_.begin() ? 0 : std::prev(beyond)->second.digest_after;
}

void World::check_decided(const QuorumBatch& batch) {
  if (const Decided* decided = decided_at(batch.base_offset)) {
    if (!same(decided->batch, batch)) {
      throw Violation{"two batches are committed at " + text(batch.base_offset)};
    }
    return;
  }
  if (batch.base_offset != committed_end_) {
    throw Violation{"committed at " + text(batch.base_offset) + ", behind " + text(committed_end_)};
  }
  ++stats_.commits;
  const std::uint64_t before = digest_at(committed_end_);
  committed_.emplace(batch.base_offset, Decided{batch, mix(before, xxh3(*batch.bytes))});
  committed_end_ = batch.next_offset;
}

void World::carry_out(std::size_t node, const Committed& effect) {
  Node& n = *nodes_[node];
  note(node, "commits up to " + text(effect.end));
  for (const QuorumBatch& batch : n.log) {
    if (batch.base_offset < n.applied || batch.next_offset > effect.end) continue;
    check_decided(batch);
    n.applied = batch.next_offset;
  }
  if (n.applied != effect.end) throw Violation{"committed beyond the log, or inside a batch"};
}

void World::check_has_all(const Node& node) {
  for (const auto& [base, decided] : committed_) {
    if (decided.batch.next_offset <= node.snapshot.offset) continue;
    const auto here = std::ranges::find(node.log, base, &QuorumBatch::base_offset);
    if (here == node.log.end() || !same(*here, decided.batch)) {
      throw Violation{"a leader lacks what is committed at " + text(base)};
    }
  }
}

void World::carry_out(std::size_t node, const BecameLeader& effect) {
  note(node, "leads in epoch " + text(effect.epoch));
  ++stats_.leaders;
  const auto [known, is_new] = leaders_.emplace(effect.epoch, node);
  if (!is_new) throw Violation{"two leaders in epoch " + text(effect.epoch)};
  // One that was elected late, past a newer leader, may lack what that one committed.
  if (leaders_.rbegin()->first == effect.epoch) check_has_all(*nodes_[node]);
  append(node, std::nullopt);
}

void World::carry_out(std::size_t node, const LeaderReady&) { note(node, "is ready"); }

void World::carry_out(std::size_t node, const LeaderChanged& effect) {
  note(node, "follows " + (effect.leader ? std::to_string(effect.leader->node.value()) : "nobody") +
                 " in epoch " + text(effect.epoch));
}

// --- snapshots

void World::take_snapshot(std::size_t node) {
  Node& n = *nodes_[node];
  if (!is_up(node) || n.applied <= n.snapshot.offset) return;
  ++stats_.snapshots;
  const LogEnd end{n.core->log().epoch_before(n.applied), n.applied};
  n.snapshot_voters = n.core->log().voters_at(n.applied);
  n.snapshot = end;
  n.has_snapshot = true;
  n.snapshot_number = snapshots_.size();
  snapshots_.push_back({end, n.snapshot_voters, digest_at(end.offset)});
  std::erase_if(n.log, [&](const QuorumBatch& batch) { return batch.next_offset <= end.offset; });
  n.flushed = std::max(n.flushed, end.offset);
  n.core->on_log_start(end.offset);
  note(node, "snapshot of " + text(end.offset));
  after_input(node);
}

void World::carry_out(std::size_t node, const LoadSnapshot&) {
  on_disk(node, [this, node] {
    Node& n = *nodes_[node];
    auto bytes = std::make_shared<std::vector<std::byte>>();
    if (n.has_snapshot) {
      bytes->resize(kSnapshotBytes);
      store_be(bytes->data(), std::uint64_t{n.snapshot_number});
    }
    n.core->on_snapshot_loaded(now_, n.snapshot, bytes);
  });
}

void World::carry_out(std::size_t node, const WriteSnapshotChunk& effect) {
  Node& n = *nodes_[node];
  if (effect.position == 0) n.receiving.clear();
  if (effect.position != n.receiving.size()) throw Violation{"a snapshot with a hole"};
  n.receiving.insert(n.receiving.end(), effect.bytes.begin(), effect.bytes.end());
}

void World::carry_out(std::size_t node, const InstallSnapshot& effect) {
  on_disk(node, [this, node, end = effect.end] {
    Node& n = *nodes_[node];
    if (n.receiving.size() != kSnapshotBytes) throw Violation{"a snapshot came in part"};
    if (!reliable_ && prng_.chance(1, 10)) return n.core->on_snapshot_unusable(now_, end);
    const auto number = load_be<std::uint64_t>(n.receiving.data());
    const SnapshotContent& content = snapshots_.at(number);
    if (content.end != end) throw Violation{"another snapshot came than was announced"};
    if (content.digest != digest_at(end.offset)) throw Violation{"a snapshot of another history"};
    ++stats_.installs;
    n.snapshot = end;
    n.snapshot_voters = content.voters;
    n.snapshot_number = number;
    n.has_snapshot = true;
    n.log.clear();
    n.flushed = end.offset;
    n.applied = end.offset;
    note(node, "has the snapshot of " + text(end.offset));
    n.core->on_snapshot_installed(now_, end, content.voters);
  });
}

}  // namespace strandline::sim::quorum
