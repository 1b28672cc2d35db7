#include "replication/metadata/partition_change.h"

#include <algorithm>
#include <utility>

#include "protocol/base/assertion.h"

namespace strandline {
namespace {

bool contains(std::span<const BrokerId> brokers, BrokerId broker) {
  return std::ranges::find(brokers, broker) != brokers.end();
}

void keep_only(std::vector<BrokerId>& brokers, std::span<const BrokerId> kept) {
  std::erase_if(brokers, [&](BrokerId broker) { return !contains(kept, broker); });
}

void drop(std::vector<BrokerId>& brokers, std::span<const BrokerId> dropped) {
  std::erase_if(brokers, [&](BrokerId broker) { return contains(dropped, broker); });
}

void drop(std::vector<BrokerId>& brokers, BrokerId broker) { std::erase(brokers, broker); }

// Of `brokers`, in the order of the replicas: preferred ones first.
std::vector<BrokerId> in_order(const PartitionImage& state, std::span<const BrokerId> brokers) {
  std::vector<BrokerId> ordered = state.replicas;
  keep_only(ordered, brokers);
  return ordered;
}

const CutReplica* cut_of(const PartitionImage& state, BrokerId broker) {
  const auto at = std::ranges::find(state.cut, broker, &CutReplica::broker);
  return at == state.cut.end() ? nullptr : &*at;
}

}  // namespace

PartitionChange::PartitionChange(const PartitionImage& before, std::int32_t min_insync_replicas,
                                 StandingOf standing)
    : before_(before),
      edited_(before),
      min_insync_(min_insync_replicas),
      standing_(std::move(standing)) {}

void PartitionChange::set_isr(std::vector<BrokerId> isr) {
  STRANDLINE_ASSERT(!isr.empty());
  STRANDLINE_ASSERT(
      std::ranges::all_of(isr, [this](BrokerId id) { return contains(edited_.replicas, id); }));
  // Whoever is in sync with the leader has what it cut, or is to do without.
  for (const BrokerId id : isr) drop_cut(id);
  edited_.isr = std::move(isr);
}

void PartitionChange::leave_isr(BrokerId broker) { drop(edited_.isr, broker); }

void PartitionChange::note_cut(BrokerId broker, const ReplicaLogEnd& end) {
  drop_cut(broker);
  const bool is_complete = contains(edited_.isr, broker) || contains(edited_.elr, broker);
  if (is_complete) edited_.cut.push_back({broker, end});
}

void PartitionChange::note_unopened(BrokerId broker) {
  const auto can_do_without = [&](BrokerId id) {
    return id != broker && cut_of(edited_, id) == nullptr;
  };
  const bool has_others = std::ranges::any_of(edited_.isr, can_do_without) ||
                          std::ranges::any_of(edited_.elr, can_do_without);
  if (has_others) return forget(broker);
  const bool is_complete = contains(edited_.isr, broker) || contains(edited_.elr, broker);
  leave_isr(broker);
  drop_cut(broker);
  if (is_complete) edited_.cut.push_back({broker, std::nullopt});
}

void PartitionChange::note_opened(BrokerId broker) { drop_cut(broker); }

void PartitionChange::drop_cut(BrokerId broker) {
  std::erase_if(edited_.cut, [&](const CutReplica& cut) { return cut.broker == broker; });
}

void PartitionChange::forget(BrokerId broker) {
  drop(edited_.isr, broker);
  drop_cut(broker);
  forgotten_.push_back(broker);
}

// --- reassignment

void PartitionChange::reassign(std::span<const BrokerId> target) {
  STRANDLINE_ASSERT(!target.empty());
  cancel_reassignment();
  std::vector<BrokerId> adding{target.begin(), target.end()};
  drop(adding, edited_.replicas);
  std::vector<BrokerId> removing = edited_.replicas;
  drop(removing, target);
  edited_.replicas.assign(target.begin(), target.end());
  edited_.replicas.insert(edited_.replicas.end(), removing.begin(), removing.end());
  edited_.adding = std::move(adding);
  edited_.removing = std::move(removing);
}

void PartitionChange::cancel_reassignment() {
  drop(edited_.replicas, edited_.adding);
  // One that was added may be all that is in sync by now: it stays until another one is.
  std::vector<BrokerId> in_sync = edited_.isr;
  drop(in_sync, edited_.adding);
  if (in_sync.empty() && !edited_.isr.empty()) {
    for (const BrokerId id : edited_.adding) edited_.replicas.push_back(id);
  } else {
    edited_.isr = std::move(in_sync);
  }
  keep_only(edited_.elr, edited_.replicas);
  edited_.adding.clear();
  edited_.removing.clear();
}

// Those that go leave when all that were added are in sync, and enough of those that stay are.
void PartitionChange::finish_reassignment(PartitionImage& state) const {
  if (state.adding.empty() && state.removing.empty()) return;
  const bool all_in =
      std::ranges::all_of(state.adding, [&](BrokerId id) { return contains(state.isr, id); });
  std::vector<BrokerId> staying = state.isr;
  drop(staying, state.removing);
  const std::size_t replicas_after = state.replicas.size() - state.removing.size();
  const std::size_t enough =
      std::min(replicas_after, static_cast<std::size_t>(std::max(1, min_insync_)));
  if (!all_in || staying.size() < enough) return;
  drop(state.replicas, state.removing);
  state.isr = std::move(staying);
  state.adding.clear();
  state.removing.clear();
}

// --- who is complete

std::size_t PartitionChange::least_in_sync(const PartitionImage& state) const {
  return std::min(state.replicas.size(), static_cast<std::size_t>(std::max(1, min_insync_)));
}

void PartitionChange::keep_eligible(PartitionImage& state) const {
  if (state.isr.size() >= least_in_sync(state)) {
    state.elr.clear();
    return;
  }
  for (const BrokerId id : before_.isr) {
    if (!contains(state.elr, id)) state.elr.push_back(id);
  }
  drop(state.elr, state.isr);
  drop(state.elr, forgotten_);
  state.elr = in_order(state, state.elr);
}

// --- who leads

BrokerId PartitionChange::first_whole(const PartitionImage& state,
                                      std::span<const BrokerId> among) const {
  for (const BrokerId id : among) {
    if (cut_of(state, id) == nullptr && standing_(id).can_lead) return id;
  }
  return kNoBroker;
}

BrokerId PartitionChange::longest_of_all(const PartitionImage& state) const {
  std::vector<BrokerId> complete = state.isr;
  complete.insert(complete.end(), state.elr.begin(), state.elr.end());
  std::size_t here = 0;
  const CutReplica* best = nullptr;
  for (const BrokerId id : in_order(state, complete)) {
    const CutReplica* cut = cut_of(state, id);
    if (cut == nullptr || !cut->end || !standing_(id).can_lead) continue;
    ++here;
    if (best == nullptr || cut->end > best->end) best = cut;
  }
  const std::size_t wanted = waits_ ? complete.size() : std::min<std::size_t>(2, complete.size());
  return best != nullptr && here >= wanted ? best->broker : kNoBroker;
}

PartitionChange::Choice PartitionChange::choose(const PartitionImage& state) const {
  BrokerId leader = first_whole(state, in_order(state, state.isr));
  if (leader == kNoBroker) leader = first_whole(state, state.elr);
  if (leader == kNoBroker) leader = longest_of_all(state);
  if (leader != kNoBroker || how_ != Election::unclean) return {leader, false};
  ReplicaLogEnd best_end;
  for (const BrokerId id : state.replicas) {
    const ReplicaStanding standing = standing_(id);
    if (!standing.can_lead) continue;
    const CutReplica* cut = cut_of(state, id);
    if (is_unopened(state, id)) continue;
    const ReplicaLogEnd end = cut != nullptr ? *cut->end : standing.found.value_or(ReplicaLogEnd{});
    if (leader != kNoBroker && end <= best_end) continue;
    leader = id;
    best_end = end;
  }
  return {leader, leader != kNoBroker};
}

void PartitionChange::choose_leader(PartitionImage& state) const {
  const bool may_stay = contains(state.isr, state.leader) && standing_(state.leader).can_lead &&
                        cut_of(state, state.leader) == nullptr;
  const BrokerId preferred = state.replicas.front();
  const bool wants_other = how_ == Election::preferred && state.leader != preferred &&
                           contains(state.isr, preferred) &&
                           first_whole(state, std::span{&preferred, 1}) == preferred;
  if (wants_other) {
    state.leader = preferred;
    return;
  }
  if (may_stay || (keeps_ && contains(state.isr, state.leader))) return;
  const Choice choice = choose(state);
  state.leader = choice.leader;
  if (choice.leader == kNoBroker || contains(state.isr, choice.leader)) return;
  // Members of the ISR that cannot lead are complete as well; next to an unclean leader nobody is.
  state.elr.insert(state.elr.end(), state.isr.begin(), state.isr.end());
  state.isr = {choice.leader};
  if (choice.unclean) state.elr.clear();
  drop(state.elr, choice.leader);
  state.elr = in_order(state, state.elr);
}

// Whoever cut its log catches up with the leader before it is in sync again. One whose log is
// shorter than the leader's, which was cut as well, does not count until then. Beside a leader that
// cut nothing, as far as is known, it stays eligible, after all others: that leader may be gone,
// and say at its next start that it did; and with so few in sync nothing can be committed
// meanwhile.
void PartitionChange::leave_cut_behind(PartitionImage& state) const {
  if (state.leader == kNoBroker) return;
  const bool is_longest = cut_of(state, state.leader) != nullptr;
  for (const CutReplica& cut : state.cut) {
    if (cut.broker == state.leader) continue;
    if (contains(state.isr, cut.broker)) state.elr.push_back(cut.broker);
    drop(state.isr, cut.broker);
    if (is_longest) drop(state.elr, cut.broker);
  }
  if (state.isr.size() >= least_in_sync(state)) state.elr.clear();
  state.elr = in_order(state, state.elr);
  std::erase_if(state.cut, [&](const CutReplica& cut) { return !contains(state.elr, cut.broker); });
}

std::optional<PartitionImage> PartitionChange::next() const {
  PartitionImage state = edited_;
  finish_reassignment(state);
  keep_eligible(state);
  choose_leader(state);
  leave_cut_behind(state);
  if (state.isr.size() >= least_in_sync(state)) state.elr.clear();
  // A leader knows the replicas of its term: others make another one.
  const bool same_replicas = std::ranges::is_permutation(state.replicas, before_.replicas);
  const bool is_other = state.leader != before_.leader || !same_replicas;
  if (is_other || begins_term_) ++state.leader_epoch;
  if (state == before_) return std::nullopt;
  ++state.partition_epoch;
  return state;
}

}  // namespace strandline
